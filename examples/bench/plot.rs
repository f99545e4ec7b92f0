//! A plot as SVG: lines on logarithmic axes, so that equal growth is an equal slope, each value written at its point.

use std::fmt::Write as _;

/// Size of the picture.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 340.0;
/// Where the axes are.
const LEFT: f64 = 60.0;
const RIGHT: f64 = 600.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 290.0;
/// Colours that are told apart on white and on black, also by those who see few.
const COLOURS: [&str; 3] = ["#0072b2", "#d55e00", "#009e73"];

/// The axis of values spans at least this factor, so that what hardly grows looks so.
const SPAN: f64 = 10.0;
/// About how wide a letter is.
const LETTER: f64 = 6.2;

/// One line: its name, and its points from left to right.
pub struct Line {
    /// What it is.
    pub name: &'static str,
    /// Where on the axis, and how much.
    pub points: Vec<(f64, f64)>,
}

/// The picture. `below` names the axis, `unit` what the values are.
pub fn svg(title: &str, below: &str, unit: &str, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let (least, most) = points().fold((f64::MAX, f64::MIN), |(a, b), (x, _)| (a.min(*x), b.max(*x)));
    let (lowest, highest) = points().fold((f64::MAX, f64::MIN), |(a, b), (_, y)| (a.min(*y), b.max(*y)));
    let (lowest, highest) = if highest / lowest < SPAN {
        let middle = (lowest * highest).sqrt();
        (middle / SPAN.sqrt(), middle * SPAN.sqrt())
    } else {
        (lowest, highest)
    };
    let across = |x: f64| LEFT + 20.0 + (x / least).ln() / (most / least).ln() * (RIGHT - LEFT - 40.0);
    let up = |y: f64| BOTTOM - 25.0 - (y / lowest).ln() / (highest / lowest).ln() * (BOTTOM - TOP - 40.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\">{title}</text>\n\
         <path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\" stroke=\"#555\"/>\n\
         <text x=\"{LEFT}\" y=\"{}\" fill=\"#555\" text-anchor=\"middle\">{unit}</text>\n\
         <text x=\"{}\" y=\"{}\" fill=\"#555\" text-anchor=\"middle\">{below} (both axes are logarithmic)</text>\n",
        TOP - 10.0,
        LEFT.midpoint(RIGHT),
        HEIGHT - 10.0,
    );
    let mut put = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    for (x, _) in lines.first().map(|line| line.points.as_slice()).unwrap_or_default() {
        let (at, y) = (across(*x), BOTTOM + 18.0);
        put(format!("<path d=\"M{at:.1} {BOTTOM}v5\" stroke=\"#555\"/>"));
        put(format!("<text x=\"{at:.1}\" y=\"{y}\" fill=\"#555\" text-anchor=\"middle\">{x}</text>"));
    }
    let mut legend = LEFT;
    for (number, (line, colour)) in lines.iter().zip(COLOURS).enumerate() {
        let mut path = String::new();
        for (index, (x, y)) in line.points.iter().enumerate() {
            let (command, x, y) = (if index == 0 { 'M' } else { 'L' }, across(*x), up(*y));
            let _written = write!(path, "{command}{x:.1} {y:.1}").is_ok();
        }
        put(format!("<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"));
        for (x, y) in &line.points {
            let (at, height) = (across(*x), up(*y));
            put(format!("<circle cx=\"{at:.1}\" cy=\"{height:.1}\" r=\"3\" fill=\"{colour}\"/>"));
            // The first line has its figures above, the others below.
            let above = if number == 0 { height - 8.0 } else { height + 17.0 };
            let figure = round(*y);
            put(format!(
                "<text x=\"{at:.1}\" y=\"{above:.1}\" fill=\"{colour}\" text-anchor=\"middle\">{figure}</text>"
            ));
        }
        put(format!("<circle cx=\"{:.1}\" cy=\"40\" r=\"4\" fill=\"{colour}\"/>", legend + 4.0));
        put(format!("<text x=\"{:.1}\" y=\"44\" fill=\"{colour}\">{}</text>", legend + 14.0, line.name));
        #[expect(clippy::cast_precision_loss, reason = "a few words")]
        let length = line.name.chars().count() as f64;
        legend += 40.0 + LETTER * length;
    }
    out.push_str("</svg>\n");
    out
}

/// Three digits, as far as they say anything.
fn round(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
