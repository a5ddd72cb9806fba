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
        tokens_max: 0,
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

/// Stores that stay small and are opened often: whole segments are free when sled opens, of those that
/// it wrote last, too.
fn often_opened(number: usize) -> Plan {
    Plan {
        rounds: [10, 25][number % 2],
        openings: 8,
        large_every: 1,
        tokens_max: 3,
        ..plan(0)
    }
}

/// Where the power is cut.
#[derive(Clone, Copy)]
enum Place {
    /// When the child has just said something, which is where an operation is acknowledged.
    Acknowledged,
    /// While it opens the store, new, after a clean close, or after another power cut.
    Opening,
    /// While sled has a new snapshot, and its name can be lost.
    Unnamed,
    Closing,
    Between,
}

struct Recording {
    number: usize,
    plan: Plan,
    /// Kept for as long as its paths are spoken of.
    _root: tempfile::TempDir,
    /// The disk as it was before, and what had been promised by then.
    before: Medium,
    promised_before: Promised,
    events: Vec<Event>,
}

impl Recording {
    /// Records a child on a new disk.
    fn new(number: usize, plan: Plan) -> Result<Self, String> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("disk")).unwrap();
        let seed = number as u64;
        Self::on(number, root, Plan { seed, ..plan }, Promised::default())
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
            ..self.plan
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
        let mut recording = Self {
            number,
            plan,
            before,
            promised_before: promised,
            events: trace::read(&fs::read_to_string(&trace).unwrap()),
            _root: root,
        };
        recording.is_true_to(&disk)?;
        Ok(recording)
    }

    /// Whether the replay of all events ends with the very files that lie there. If two calls changed
    /// the same bytes at once, nobody saw which was first, and nothing is known of the disk from then
    /// on: the recording ends there.
    fn is_true_to(&mut self, disk: &Path) -> Result<(), String> {
        let mut medium = self.before.clone();
        for (at, event) in self.events.iter().enumerate() {
            medium.step(event);
            if medium.is_ambiguous {
                self.events.truncate(at);
                return Ok(());
            }
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

    /// After which events the power is cut: `images` times, at all `places` alike. None if the
    /// recording shows too little of one.
    fn cuts(&self, images: usize, places: &[Place]) -> Vec<usize> {
        let mut medium = self.before.clone();
        let mut promised = Promised::default();
        let mut found: [Vec<usize>; 5] = Default::default();
        for (at, event) in self.events.iter().enumerate() {
            let changed = medium.step(event) && medium.unsynced() > 0;
            let said = medium.take_said();
            said.iter().for_each(|line| promised.hear(line));
            if !said.is_empty() {
                found[Place::Acknowledged as usize].push(at);
            }
            if !changed {
                continue;
            }
            let place = match &*promised.last_begun {
                "open" => Place::Opening,
                "close" => Place::Closing,
                _ => Place::Between,
            };
            found[place as usize].push(at);
            if medium.could_lose_name("snap.") {
                found[Place::Unnamed as usize].push(at);
            }
        }
        let found: Vec<_> = places.iter().map(|place| &found[*place as usize]).collect();
        if found.iter().any(|found| found.len() < 5) {
            return Vec::new();
        }
        let mut dice = Dice::new(self.number as u64 + 7);
        let mut cuts: Vec<usize> = (0..images)
            .map(|image| {
                let from = found[image % found.len()];
                from[dice.below(from.len())]
            })
            .collect();
        cuts.sort_unstable();
        cuts
    }

    /// Cuts the power, and yields how often.
    fn check(&self, images: usize, places: &[Place], failures: &Mutex<Vec<String>>) -> usize {
        let mut dice = Dice::new(self.number as u64 + 77);
        let mut medium = self.before.clone();
        let mut promised = self.promised_before.clone();
        let cuts = self.cuts(images, places);
        let checked = cuts.len();
        let mut cuts = cuts.into_iter().peekable();
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
        checked
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
    use Place::{Acknowledged, Between, Closing, Opening};
    let places = [
        Acknowledged,
        Opening,
        Acknowledged,
        Between,
        Acknowledged,
        Closing,
    ];
    // The short form has one of each kind of recording, too.
    cut_power(plan, 4, &places);
}

#[test]
fn a_power_cut_while_a_store_is_opened_leaves_one_that_opens() {
    cut_power(often_opened, 2, &[Place::Opening, Place::Unnamed]);
}

/// Records stores of so many kinds at the least, and cuts the power at these places.
fn cut_power(plan: fn(usize) -> Plan, kinds: usize, places: &[Place]) {
    if workload::is_child() || !strace::is_there() {
        return;
    }
    let images: usize =
        std::env::var("HALLPASS_POWER_IMAGES").map_or(120, |images| images.parse().unwrap());
    let recordings = images.div_ceil(IMAGES_EACH).max(kinds);
    let share = images.div_ceil(recordings * 2);
    let failures = Mutex::new(Vec::new());
    let (next, checked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= recordings {
                        return;
                    }
                    let check = |recording: &Recording| {
                        let images = recording.check(share, places, &failures);
                        checked.fetch_add(images, Ordering::Relaxed);
                    };
                    let lives = Recording::new(number, plan(number)).and_then(|first| {
                        check(&first);
                        check(&first.second()?);
                        Ok(())
                    });
                    if let Err(why) = lives {
                        failures.lock().unwrap().push(why);
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
    eprintln!(
        "{checked} images of {recordings} recordings, each of two lives; {} failed",
        failures.len()
    );
    assert!(failures.is_empty());
    assert!(checked * 2 > images, "most recordings show too little");
}
