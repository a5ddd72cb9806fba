//! The three plots of the report.

use std::path::Path;

use crate::plot::{Chart, Series};
use crate::results::{BLOCK, DRAM, HALLPASS, Results, Way, spoken};

pub fn write(results: &Results, folder: &Path) -> std::io::Result<()> {
    std::fs::write(folder.join("cost.svg"), cost(results))?;
    std::fs::write(folder.join("threads.svg"), threads(results))?;
    std::fs::write(folder.join("memory.svg"), memory(results))
}

/// The sizes at which all maps were measured and more, as marks.
fn marks(results: &Results, way: Way) -> Vec<(f64, String)> {
    let is_there = |size: &usize| results.get(HALLPASS, way, *size).is_some();
    let sizes = results.sizes().into_iter().filter(is_there);
    sizes.map(|size| (size as f64, spoken(size))).collect()
}

fn series(results: &Results, name: &str, way: Way) -> Option<Series> {
    let points: Vec<_> = results
        .sizes()
        .into_iter()
        .filter_map(|size| Some((size as f64, results.get(name, way, size)?.median())))
        .collect();
    (points.len() > 1).then(|| Series {
        name: name.to_owned(),
        points,
        is_floor: false,
    })
}

fn cost(results: &Results) -> String {
    let mut all = Vec::new();
    for name in results.names() {
        if name != DRAM && name != BLOCK {
            all.extend(series(results, name, Way::Dependent));
        }
    }
    if let Some(batch) = series(results, HALLPASS, Way::Batch) {
        let name = "hallpass, batches of 64".to_owned();
        all.insert(1, Series { name, ..batch });
    }
    let sums = results.sizes().into_iter();
    let sums = sums.filter_map(|size| Some((size as f64, results.sum(size)?.median())));
    all.push(Series {
        name: "DRAM load + BLAKE3 block".into(),
        points: sums.collect(),
        is_floor: true,
    });
    for floor in [DRAM, BLOCK] {
        let floor = series(results, floor, Way::Dependent);
        all.extend(floor.map(|floor| Series {
            is_floor: true,
            ..floor
        }));
    }
    let chart = Chart {
        title: "One validation, by the number of tokens (dependent calls)",
        x: "tokens",
        y: "nanoseconds",
        is_log: true,
        x_marks: marks(results, Way::Dependent),
        series: all,
    };
    chart.to_svg()
}

fn threads(results: &Results) -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let sizes = results.sizes();
    let at = |size: &&usize| results.get("dashmap", Way::Independent, **size).is_some();
    let size = sizes
        .iter()
        .rev()
        .find(at)
        .or(sizes.last())
        .copied()
        .unwrap_or(0);
    let all = results.names().into_iter().filter_map(|name| {
        let one = results.get(name, Way::Threads(1), size)?.median();
        let many = results.get(name, Way::Threads(processors), size)?.median();
        Some(Series {
            name: name.to_owned(),
            points: vec![
                (1.0, 1e3 / one),
                (processors as f64, processors as f64 * 1e3 / many),
            ],
            is_floor: false,
        })
    });
    let title = format!("Throughput by threads, {} tokens", spoken(size));
    let chart = Chart {
        title: &title,
        x: "threads",
        y: "million validations a second of CPU time",
        is_log: false,
        x_marks: vec![
            (1.0, "1".into()),
            (processors as f64, processors.to_string()),
        ],
        series: all.collect(),
    };
    chart.to_svg()
}

fn memory(results: &Results) -> String {
    let large = |series: Series| Series {
        // In small maps, the constant parts would be all that one sees.
        points: series
            .points
            .into_iter()
            .filter(|point| point.0 >= 1e5)
            .collect(),
        ..series
    };
    let all = results.names().into_iter();
    let all = all
        .filter_map(|name| series(results, name, Way::Memory))
        .map(large);
    let mut x_marks = marks(results, Way::Memory);
    x_marks.retain(|mark| mark.0 >= 1e5);
    let chart = Chart {
        title: "Memory a token",
        x: "tokens",
        y: "bytes",
        is_log: false,
        x_marks,
        series: all.collect(),
    };
    chart.to_svg()
}
