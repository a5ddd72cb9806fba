//! Promise 4: whatever becomes of the files of a store, it opens with the same content, or is
//! refused with an error that says so; in bounded time and memory, and without a panic.
//! `HALLPASS_IMAGES` lengthens the run.

mod damage;
mod dice;
mod fast_folder;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use damage::{Damaged, Sample};
use dice::Dice;
use fast_folder::fast_folder;
use hallpass::{Error, Options};

/// What opening a damaged store may take. The stores have a megabyte, and open in milliseconds.
const TIME_MAX: Duration = Duration::from_secs(10);
const MEMORY_MAX_BYTES: u64 = 64 << 20;
/// After that a test that hangs is ended, so that it is told which image it was.
const PATIENCE: Duration = Duration::from_secs(120);

/// How an image was received: a word for the statistics, or what is wrong.
fn receive(sample: &Sample, damaged: Damaged, path: &Path) -> Result<&'static str, String> {
    damage::write(&damaged.files, path);
    let begun = Instant::now();
    let mut opened = None;
    let used = allocation_counter::measure(|| opened = Some(open(damaged.options, path)));
    let took = begun.elapsed();
    if took > TIME_MAX {
        return Err(format!("it took {took:?}"));
    }
    if used.bytes_max > MEMORY_MAX_BYTES {
        return Err(format!("it took {} bytes of memory", used.bytes_max));
    }
    match opened.unwrap()? {
        Ok(store) if sample.is_the_same(&store) => Ok("the same"),
        Ok(_) => Err("opened with another content".to_owned()),
        Err(Error::Corrupt { .. }) => Ok("corrupt"),
        Err(Error::RolledBack { .. }) => Ok("rolled back"),
        Err(Error::NewerFormat { .. }) => Ok("newer format"),
        Err(Error::WrongDigestKey) => Ok("wrong key"),
        Err(Error::Io { .. }) => Ok("io"),
        Err(other) => Err(format!("refused with {other:?}")),
    }
}

fn open(options: Options, path: &Path) -> Result<Result<hallpass::Store, Error>, String> {
    catch_unwind(AssertUnwindSafe(|| options.open(path))).map_err(|_| "a panic escaped".to_owned())
}

#[test]
fn a_damaged_store_opens_with_the_same_content_or_is_refused() {
    let images: usize =
        std::env::var("HALLPASS_IMAGES").map_or(600, |images| images.parse().unwrap());
    let samples = [
        Sample::closed(),
        Sample::killed(),
        Sample::large(),
        Sample::old(),
    ];
    let root = fast_folder();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let received: Mutex<BTreeMap<(&str, &str), usize>> = Mutex::default();
    // The database panics on much of it, thousands of times; whatever is ours is told below.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let path = root.path().join(worker.to_string());
            let (samples, next, failures, received) = (&samples, &next, &failures, &received);
            scope.spawn(move || {
                loop {
                    let image = next.fetch_add(1, Ordering::Relaxed);
                    if image >= images {
                        return;
                    }
                    let sample = &samples[image % samples.len()];
                    let damaged = Damaged::new(sample, &mut Dice::new(image as u64 + 1));
                    let what = damaged.what.clone();
                    let _ = std::fs::remove_dir_all(&path);
                    let watched = AtomicUsize::new(0);
                    let told = std::thread::scope(|scope| {
                        scope.spawn(|| watch(&watched, image, &what));
                        let told =
                            catch_unwind(AssertUnwindSafe(|| receive(sample, damaged, &path)));
                        watched.store(1, Ordering::Relaxed);
                        told
                    });
                    match told.unwrap_or_else(|_| Err("a panic, but not in `open`".to_owned())) {
                        Ok(word) => {
                            *received
                                .lock()
                                .unwrap()
                                .entry((sample.name, word))
                                .or_default() += 1;
                        }
                        Err(why) => failures
                            .lock()
                            .unwrap()
                            .push(format!("image {image}, {what}: {why}")),
                    }
                }
            });
        }
    });
    std::panic::set_hook(hook);
    let (failures, received) = (
        failures.into_inner().unwrap(),
        received.into_inner().unwrap(),
    );
    eprintln!("{images} images: {received:?}; {}", memory());
    failures.iter().take(20).for_each(|why| eprintln!("{why}"));
    assert!(
        failures.is_empty(),
        "{} of {images} images failed",
        failures.len()
    );
    for sample in &samples {
        for word in ["the same", "corrupt"] {
            let seen = received.contains_key(&(sample.name, word));
            assert!(seen, "no image of {} was {word}", sample.name);
        }
    }
}

/// Ends the process if an image takes too long.
fn watch(is_done: &AtomicUsize, image: usize, what: &str) {
    let begun = Instant::now();
    while is_done.load(Ordering::Relaxed) == 0 {
        if begun.elapsed() > PATIENCE {
            eprintln!("image {image}, {what}: it hangs");
            std::process::abort();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The most memory this process ever had, where the system tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or("memory unknown").to_owned()
}
