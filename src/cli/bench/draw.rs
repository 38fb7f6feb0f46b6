//! Pictures of the series: SVG with logarithmic axes, from the document of the measurements.
//!
//! In: names, labels, points. Out: text. Both axes are logarithmic, so that growth by a factor is
//! a slope. The colours are legible on white and on black, since a page may be either.

use std::fmt::Write as _;

/// One figure over what grows.
pub(super) struct Panel<'p> {
    /// What it shows, with its unit.
    pub(super) label: &'p str,
    /// Places and values, all above zero.
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 44.0;
/// Height of a panel's axes, and of what is around them.
const PANEL: f64 = 132.0;
const GAP: f64 = 44.0;

const STYLE: &str = "text{font:12px sans-serif;fill:#768390}.title{font-size:15px;font-weight:600}\
.grid{stroke:#768390;stroke-opacity:.28}.line{fill:none;stroke:#2f81d7;stroke-width:2}.dot{fill:#2f81d7}";

/// Draws panels, one below the other, over the same axis.
pub(super) fn picture(title: &str, grows: &str, panels: &[Panel<'_>]) -> String {
    let places = panels.iter().flat_map(|panel| panel.points.iter().map(|(x, _)| *x));
    let across = Axis::over(places, LEFT, WIDTH - RIGHT);
    let mut body = String::new();
    let mut top = TOP;
    for panel in panels {
        draw(&mut body, panel, &across, top + GAP / 2.0);
        top += PANEL + GAP;
    }
    let height = top + 30.0;
    // Writing to a String cannot fail.
    let _ = write!(
        body,
        r#"<text x="{:.0}" y="{:.0}" text-anchor="middle">{}</text>"#,
        f64::midpoint(LEFT, WIDTH - RIGHT),
        height - 8.0,
        escaped(grows)
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n\
         <style>{STYLE}</style>\n<text class=\"title\" x=\"{LEFT}\" y=\"26\">{title}</text>\n{body}\n</svg>\n",
        title = escaped(title)
    )
}

fn draw(body: &mut String, panel: &Panel<'_>, across: &Axis, top: f64) {
    let bottom = top + PANEL;
    let up = Axis::over(panel.points.iter().map(|(_, y)| *y), bottom, top);
    let (left, right) = (LEFT, WIDTH - RIGHT);
    let _ =
        writeln!(body, r#"<text x="{left}" y="{:.1}">{}</text>"#, top - 8.0, escaped(panel.label));
    for tick in up.ticks() {
        let y = up.place(tick);
        let _ = writeln!(
            body,
            r#"<path class="grid" d="M{left} {y:.1}H{right}"/><text x="{:.0}" y="{:.1}" text-anchor="end">{}</text>"#,
            left - 8.0,
            y + 4.0,
            shown(tick)
        );
    }
    for tick in across.ticks() {
        let x = across.place(tick);
        let _ = writeln!(
            body,
            r#"<path class="grid" d="M{x:.1} {top:.1}V{bottom:.1}"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            bottom + 16.0,
            shown(tick)
        );
    }
    let at: Vec<(f64, f64)> =
        panel.points.iter().map(|(x, y)| (across.place(*x), up.place(*y))).collect();
    let line: Vec<String> = at.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(body, r#"<polyline class="line" points="{}"/>"#, line.join(" "));
    for ((x, y), (size, value)) in at.iter().zip(&panel.points) {
        let _ = writeln!(
            body,
            r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="3"><title>{}: {}</title></circle>"#,
            shown(*size),
            shown(*value)
        );
    }
}

/// A logarithmic axis between two round numbers.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// One that holds all values, drawn between two places.
    fn over(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(0.0, f64::max);
        if !(least > 0.0 && least <= most) {
            return Self { low: 1.0, high: 10.0, from, to };
        }
        let low = round_numbers(least / 10.0, least).last().copied().unwrap_or(least);
        let high = round_numbers(most, most * 10.0).first().copied().unwrap_or(most);
        // A single value would have no room: at least a factor of five is shown.
        let high = if high < low * 5.0 { low * 5.0 } else { high };
        Self { low, high, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        self.from + share * (self.to - self.from)
    }

    /// Powers of ten, and twos and fives where there is room for them.
    fn ticks(&self) -> Vec<f64> {
        let all = round_numbers(self.low, self.high);
        if all.len() <= 6 {
            return all;
        }
        all.into_iter().filter(|tick| (tick.log10() - tick.log10().round()).abs() < 1e-6).collect()
    }
}

/// 1, 2 and 5 times the powers of ten between two numbers, which belong to them.
fn round_numbers(low: f64, high: f64) -> Vec<f64> {
    let powers = (-6..=12).map(|power| 10_f64.powi(power));
    let all = powers.flat_map(|power| [power, 2.0 * power, 5.0 * power]);
    all.filter(|number| *number >= low * 0.999_999 && *number <= high * 1.000_001).collect()
}

/// A number with few digits: 1200000 as `1.2M`.
fn shown(number: f64) -> String {
    let (number, unit) = match number {
        number if number >= 999_500.0 => (number / 1_000_000.0, "M"),
        number if number >= 1_000.0 => (number / 1_000.0, "k"),
        number => (number, ""),
    };
    let digits = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    let text = format!("{number:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    };
    format!("{text}{unit}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use quick_xml::events::{BytesStart, Event};

    use super::*;

    #[test]
    fn numbers_are_shown_with_few_digits() {
        for (number, expected) in [
            (0.05, "0.05"),
            (2.0, "2"),
            (12.5, "12.5"),
            (999.0, "999"),
            (1_000.0, "1k"),
            (61_400.0, "61.4k"),
            (1_200_000.0, "1.2M"),
            (10_000_000.0, "10M"),
        ] {
            assert_eq!(shown(number), expected);
        }
    }

    #[test]
    fn an_axis_ends_at_round_numbers_around_its_values() {
        for (values, low, high, ticks) in [
            (vec![1.0, 1_024.0], 1.0, 2_000.0, 4),
            (vec![3.2, 9.9], 2.0, 10.0, 3),
            (vec![7.0], 5.0, 25.0, 3),
            (vec![], 1.0, 10.0, 4),
        ] {
            let axis = Axis::over(values.iter().copied(), 0.0, 100.0);
            let near = |one: f64, other: f64| (one - other).abs() < 1e-9 * other;
            assert!(near(axis.low, low) && near(axis.high, high), "{} {}", axis.low, axis.high);
            assert_eq!(axis.ticks().len(), ticks, "{values:?}");
            assert!(axis.place(low).abs() < 1e-9 && near(axis.place(high), 100.0));
        }
    }

    #[test]
    fn a_picture_is_xml_with_every_point() {
        let points = vec![(1.0, 2_200.0), (64.0, 60_000.0), (1_024.0, 58_000.0)];
        let panel = Panel { label: "answers < a second", points };
        let text = picture("Connections & rates", "connections", &[panel]);
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut circles = 0;
        let mut event = reader.read_event().unwrap();
        while !matches!(event, Event::Eof) {
            let is_circle = |start: &BytesStart<'_>| start.name().as_ref() == "circle";
            circles += usize::from(matches!(&event, Event::Start(start) if is_circle(start)));
            event = reader.read_event().unwrap();
        }
        assert_eq!(circles, 3);
    }
}
