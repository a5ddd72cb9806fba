//! Line charts as SVG, by hand: nothing that a dependency would do better.

use std::fmt::Write;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 230.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;
/// Each candidate has its own in every chart.
const COLOURS: [(&str, &str); 6] = [
    ("hallpass", "#c1121f"),
    ("hallpass, batches of 64", "#1d6fb8"),
    ("dashmap", "#2a9d5c"),
    ("papaya", "#e08e0b"),
    ("scc::HashMap", "#7b4fa3"),
    ("RwLock<HashMap>", "#00868b"),
];

pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    /// Drawn grey and dashed: a limit, not a candidate.
    pub is_floor: bool,
}

pub struct Chart<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    /// Both axes by powers of ten.
    pub is_log: bool,
    /// Where the axis below has its marks, and what they say.
    pub x_marks: Vec<(f64, String)>,
    pub series: Vec<Series>,
}

impl Chart<'_> {
    pub fn to_svg(&self) -> String {
        let scale = |value: f64| if self.is_log { value.log10() } else { value };
        let points = || self.series.iter().flat_map(|series| &series.points);
        let bounds = |of: &mut dyn Iterator<Item = f64>| {
            of.fold((f64::MAX, f64::MIN), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        };
        let (x_low, x_high) = bounds(&mut self.x_marks.iter().map(|mark| mark.0));
        let (y_low, y_high) = bounds(&mut points().map(|point| point.1));
        let (y_low, y_high) = if self.is_log {
            (10_f64.powf(y_low.log10().floor()), y_high * 1.25)
        } else {
            (0.0, y_high * 1.1)
        };
        let x_at = |x: f64| {
            let part = (scale(x) - scale(x_low)) / (scale(x_high) - scale(x_low));
            LEFT + part * (WIDTH - LEFT - RIGHT)
        };
        let y_at = |y: f64| {
            let part = (scale(y) - scale(y_low)) / (scale(y_high) - scale(y_low));
            HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
        };
        let mut svg = self.frame();
        for mark in y_marks(y_low, y_high, self.is_log) {
            let (y, right) = (y_at(mark), WIDTH - RIGHT);
            let _ = write!(
                svg,
                r##"<path d="M{LEFT} {y:.1}H{right}" stroke="#e3e3e3"/><text x="{}" y="{:.1}" text-anchor="end">{mark}</text>"##,
                LEFT - 8.0,
                y + 4.0
            );
        }
        for (x, says) in &self.x_marks {
            let (x, bottom) = (x_at(*x), HEIGHT - BOTTOM);
            let _ = write!(
                svg,
                r##"<path d="M{x:.1} {bottom}v6" stroke="#333"/><text x="{x:.1}" y="{}" text-anchor="middle">{says}</text>"##,
                bottom + 22.0
            );
        }
        self.lines(&mut svg, x_at, y_at);
        svg + "</svg>\n"
    }

    fn frame(&self) -> String {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" fill="#222">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>
<text x="{LEFT}" y="28" font-size="16" font-weight="bold">{}</text>
<text x="{}" y="{}" text-anchor="middle">{}</text>
<text transform="translate(18 {}) rotate(-90)" text-anchor="middle">{}</text>
<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#333"/>
"##,
            self.title,
            (LEFT + right) / 2.0,
            HEIGHT - 14.0,
            self.x,
            (TOP + bottom) / 2.0,
            self.y,
        )
    }

    fn lines(&self, svg: &mut String, x_at: impl Fn(f64) -> f64, y_at: impl Fn(f64) -> f64) {
        let mut labels = Vec::new();
        for series in &self.series {
            let colour = COLOURS.iter().find(|(name, _)| *name == series.name);
            let colour = colour.map_or("#777", |(_, colour)| colour);
            let dash = if series.is_floor {
                r#" stroke-dasharray="6 4""#
            } else {
                ""
            };
            let mut path = String::new();
            for (at, (x, y)) in series.points.iter().enumerate() {
                let command = if at == 0 { 'M' } else { 'L' };
                let _ = write!(path, "{command}{:.1} {:.1}", x_at(*x), y_at(*y));
                let _ = write!(
                    svg,
                    r#"<circle cx="{:.1}" cy="{:.1}" r="3" fill="{colour}"/>"#,
                    x_at(*x),
                    y_at(*y)
                );
            }
            let _ = write!(
                svg,
                r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>"#
            );
            if let Some((_, y)) = series.points.last() {
                labels.push((y_at(*y), series.name.clone(), colour));
            }
        }
        // Names beside the ends of the lines, moved apart where they would overlap.
        labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut least = TOP;
        let mut left = labels.len();
        for (y, name, colour) in labels {
            let most = HEIGHT - BOTTOM - 17.0 * (left as f64 - 1.0);
            let y = y.max(least).min(most);
            let _ = write!(
                svg,
                r#"<text x="{}" y="{:.1}" fill="{colour}">{}</text>"#,
                WIDTH - RIGHT + 12.0,
                y + 4.0,
                name.replace('<', "&lt;")
            );
            least = y + 17.0;
            left -= 1;
        }
    }
}

fn y_marks(low: f64, high: f64, is_log: bool) -> Vec<f64> {
    if is_log {
        let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
        return decades
            .flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(decade)))
            .filter(|mark| (low..=high).contains(mark))
            .collect();
    }
    let rough = high / 6.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * decade);
    let step = step
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(decade);
    (0..)
        .map(|n| f64::from(n) * step)
        .take_while(|mark| *mark <= high)
        .collect()
}
