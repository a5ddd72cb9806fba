//! Promises 2 to 4 when the power fails: the system calls of real processes are recorded, the power
//! is cut at any of them, and every disk that may be left opens with all that was acknowledged.
//! `HALLPASS_POWER_IMAGES` lengthens the run.

mod dice;
mod fast_folder;
mod power;
mod strace;
mod workload;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dice::Dice;
use fast_folder::fast_folder;
use hallpass::{NewToken, Options, Store};
use power::image::Model;
use power::medium::Medium;
use power::trace::{self, Event};
use workload::{Plan, Promised};

/// Images of one recording.
const IMAGES_EACH: usize = 250;

/// Not a test of its own: what is recorded.
#[test]
fn child() {
    workload::child();
}

/// Recordings differ in what they do and how much: the third of every four may lose issued tokens;
/// the second and the fourth have tokens as large as can be, and the second so many that the database
/// uses each part of its file several times.
fn plan(number: usize) -> Plan {
    let plan = Plan {
        seed: number as u64,
        threads: 3,
        rounds: 25,
        openings: 3,
        large_every: 0,
        buffered: false,
    };
    match number % 4 {
        1 => Plan {
            rounds: 200,
            openings: 2,
            large_every: 2,
            ..plan
        },
        2 => Plan {
            buffered: true,
            ..plan
        },
        3 => Plan {
            rounds: 40,
            large_every: 2,
            ..plan
        },
        _ => plan,
    }
}

/// Two calls changed the same bytes at once, and nobody saw which was first: nothing is known of what
/// the disk may hold, and the recording is left out.
const AMBIGUOUS: &str = "ambiguous";

struct Recording {
    number: usize,
    /// Kept for as long as its paths are spoken of.
    _root: tempfile::TempDir,
    /// The disk as it was before, and what had been promised by then.
    before: Medium,
    promised_before: Promised,
    events: Vec<Event>,
}

impl Recording {
    /// Records a child on a new disk.
    fn new(number: usize) -> Result<Self, String> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("disk")).unwrap();
        Self::on(number, root, plan(number), Promised::default())
    }

    /// Records another child on what a power cut at some moment leaves: it recovers, and the power
    /// is cut again.
    fn second(&self) -> Result<Self, String> {
        let mut dice = Dice::new(self.number as u64 + 777);
        let cut = dice.below(self.events.len());
        let (mut medium, mut promised) = (self.before.clone(), self.promised_before.clone());
        for event in &self.events[..cut] {
            medium.step(event);
            medium
                .take_said()
                .iter()
                .for_each(|line| promised.hear(line));
        }
        let root = tempfile::tempdir().unwrap();
        medium.write_image(&root.path().join("disk"), Model::Subset, &mut dice);
        promised.next_child();
        let plan = Plan {
            seed: self.number as u64 + 1_000_000,
            rounds: 25,
            openings: 2,
            ..plan(self.number)
        };
        Self::on(self.number, root, plan, promised)
    }

    fn on(
        number: usize,
        root: tempfile::TempDir,
        plan: Plan,
        promised: Promised,
    ) -> Result<Self, String> {
        let trace = root.path().join("trace");
        let says = root.path().join("says");
        let disk = root.path().join("disk");
        let before = Medium::new(&disk, &says);
        // A folder above the store is made by the store, too.
        let store = disk.join("new/store");
        let status = workload::command(&trace::recorder(&trace), &store, &says, plan)
            .status()
            .unwrap();
        let mut said = promised.clone();
        said.hear_all(&fs::read_to_string(&says).unwrap());
        if !status.success() || !said.is_done || said.failed > 0 {
            return Err(format!(
                "recording {number}: {status}, {} operations failed; kept in {}",
                said.failed,
                root.keep().display()
            ));
        }
        let recording = Self {
            number,
            before,
            promised_before: promised,
            events: trace::read(&fs::read_to_string(&trace).unwrap()),
            _root: root,
        };
        recording.is_true_to(&disk)?;
        Ok(recording)
    }

    /// Whether the replay of all events ends with the very files that lie there.
    fn is_true_to(&self, disk: &Path) -> Result<(), String> {
        let mut medium = self.before.clone();
        for event in &self.events {
            medium.step(event);
        }
        if medium.is_ambiguous {
            return Err(AMBIGUOUS.to_owned());
        }
        let large_pages = disk.join("new/store/data/blobs");
        if fs::read_dir(large_pages).unwrap().next().is_some() {
            return Err("a page was too large for the log".to_owned());
        }
        let replayed = fast_folder();
        medium.write_image(replayed.path(), Model::Everything, &mut Dice::new(0));
        if files(replayed.path()) != files(disk) {
            return Err(format!(
                "recording {}: the replay does not end with the files that were recorded",
                self.number
            ));
        }
        Ok(())
    }

    /// After which events the power is cut, and how often: half of the time where the child has
    /// just said something, which is where an operation is acknowledged; else anywhere, but as often
    /// in opening and closing as in all the rest.
    fn cuts(&self, images: usize) -> Vec<usize> {
        let mut medium = self.before.clone();
        let mut promised = Promised::default();
        let mut places: [Vec<usize>; 3] = Default::default();
        for (at, event) in self.events.iter().enumerate() {
            let changed = medium.step(event) && medium.unsynced() > 0;
            let said = medium.take_said();
            said.iter().for_each(|line| promised.hear(line));
            if !said.is_empty() {
                places[0].push(at);
            }
            if changed {
                let is_lasting = matches!(&*promised.last_begun, "open" | "close");
                places[if is_lasting { 1 } else { 2 }].push(at);
            }
        }
        assert!(
            places.iter().all(|places| places.len() > 20),
            "the recording shows too little"
        );
        let mut dice = Dice::new(self.number as u64 + 7);
        let mut cuts: Vec<usize> = (0..images)
            .map(|image| {
                let from = &places[[0, 1, 0, 2][image % 4]];
                from[dice.below(from.len())]
            })
            .collect();
        cuts.sort_unstable();
        cuts
    }

    /// What is known to go wrong is counted in `known`, and is not promised: sled renames its new
    /// snapshot while it opens, and overwrites what only the old one needs before we can make the new
    /// name durable. A power cut just then may leave a store that is refused, never one that opens
    /// with less.
    fn check(&self, images: usize, known: &AtomicUsize, failures: &Mutex<Vec<String>>) {
        let mut dice = Dice::new(self.number as u64 + 77);
        let mut medium = self.before.clone();
        let mut promised = self.promised_before.clone();
        let mut cuts = self.cuts(images).into_iter().peekable();
        for (at, event) in self.events.iter().enumerate() {
            medium.step(event);
            medium
                .take_said()
                .iter()
                .for_each(|line| promised.hear(line));
            while cuts.next_if_eq(&at).is_some() {
                let model =
                    [Model::Nothing, Model::Subset, Model::Subset, Model::Prefix][dice.below(4)];
                let image = fast_folder();
                let mut same = dice.clone();
                medium.write_image(image.path(), model, &mut dice);
                let store = image.path().join("new/store");
                let again = dice.one_in(4);
                if let Err(why) = holds(&store, &promised, again) {
                    if medium.could_lose_name("snap.")
                        && why.starts_with("open: the store is damaged")
                    {
                        known.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    // As the power cut left it, before it was opened.
                    let kept = fast_folder().keep();
                    medium.write_image(&kept, model, &mut same);
                    failures.lock().unwrap().push(format!(
                        "recording {}, event {at}, {model:?}: {why}; image kept in {}",
                        self.number,
                        kept.display()
                    ));
                }
            }
        }
    }
}

/// All files below a folder, with their content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if path.is_dir() {
            let below = files(&path).into_iter();
            found.extend(below.map(|(below, bytes)| (name.join(below), bytes)));
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

fn options() -> Options {
    Options::new().purge_grace(Duration::ZERO)
}

/// Opens what a power cut left, and holds it against what was promised; `again`: writes to it, and
/// opens it once more.
fn holds(path: &Path, promised: &Promised, again: bool) -> Result<(), String> {
    let open = || {
        options()
            .open(path)
            .map_err(|error| format!("open: {error}"))
    };
    let store = open()?;
    promised.check(&store)?;
    if !again {
        return Ok(());
    }
    let token = write_a_little(&store).map_err(|error| format!("a write: {error}"))?;
    store.close().map_err(|error| format!("close: {error}"))?;
    let store = open()?;
    store
        .verify()
        .map_err(|error| format!("verify again: {error}"))?;
    match store.validator().validate(token) {
        Ok(_) => Ok(()),
        Err(why) => Err(format!("a token issued after the power cut: {why:?}")),
    }
}

fn write_a_little(store: &Store) -> Result<String, hallpass::Error> {
    let forever = || NewToken::new("after").never_expires();
    let gone = store.issue(forever())?;
    store.revoke(gone.id)?;
    store.purge(1000)?;
    Ok(store.issue(forever())?.secret.expose().to_owned())
}

#[test]
fn whatever_a_power_cut_leaves_opens_with_all_that_was_acknowledged() {
    if workload::is_child() || !strace::is_there() {
        return;
    }
    let images: usize =
        std::env::var("HALLPASS_POWER_IMAGES").map_or(120, |images| images.parse().unwrap());
    // The short form has one of each kind of recording, too.
    let recordings = images.div_ceil(IMAGES_EACH).max(4);
    let failures = Mutex::new(Vec::new());
    let (next, checked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let known = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= recordings {
                        return;
                    }
                    let share = images.div_ceil(recordings * 2);
                    let lives = Recording::new(number).and_then(|first| {
                        first.check(share, &known, &failures);
                        checked.fetch_add(share, Ordering::Relaxed);
                        first.second()?.check(share, &known, &failures);
                        checked.fetch_add(share, Ordering::Relaxed);
                        Ok(())
                    });
                    match lives {
                        Err(why) if why == AMBIGUOUS => {}
                        Err(why) => failures.lock().unwrap().push(why),
                        Ok(()) => {}
                    }
                    eprintln!("recording {number} of {recordings}: done");
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    for failure in failures.iter().take(20) {
        eprintln!("{failure}");
    }
    let checked = checked.into_inner();
    let known = known.into_inner();
    eprintln!(
        "{checked} images of {recordings} recordings, each of two lives; {known} cut while sled \
         opened, and refused"
    );
    assert!(failures.is_empty(), "{} failed", failures.len());
    assert!(known <= 1 + checked / 100, "{known} were refused");
    assert!(checked * 2 > images, "most recordings were ambiguous");
}
