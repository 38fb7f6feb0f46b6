//! How figures change as things grow: series of measurements, and which of their figures are drawn.
//!
//! In: how far to go. Out: one JSON document, each point with all of its figures. Every point has a
//! database of its own, but the series of stored payments, whose one database grows.

use serde::Serialize;

use super::arguments::{CurvesArguments, Load};
use super::fault::Fault;
use super::figures::Figures;
use super::machine::{self, Disk};
use super::measure;
use super::site::{Context, Site};
use super::stand_in::StandIn;
use crate::cli::terminal;

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Series {
    /// Payments that are stored.
    Payments,
    /// Events that wait.
    Backlog,
    /// Connections.
    Connections,
    /// Mapping rules.
    Rules,
    /// `contents` of each payment.
    Lines,
}

/// What is drawn of a series.
pub(super) struct Picture {
    /// The name of the file and of the series in the document.
    pub(super) name: &'static str,
    /// What the picture is of.
    pub(super) title: &'static str,
    /// What grows.
    pub(super) grows: &'static str,
    /// The figures that are drawn, and how they are called.
    pub(super) panels: &'static [(&'static str, &'static str)],
}

impl Series {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Connections, Self::Rules, Self::Lines, Self::Backlog, Self::Payments];

    /// What is drawn of it.
    pub(super) const fn picture(self) -> Picture {
        const RATE: (&str, &str) = ("durable_answers_per_second", "durable answers a second");
        const P99: (&str, &str) = ("p99_ms", "p99 of an answer, ms");
        const PEAK: (&str, &str) = ("peak_mib", "peak memory, MiB");
        const CPU: (&str, &str) = ("engine_cpu_us_per_payment", "processor time a payment, µs");
        const START: (&str, &str) = ("start_ms", "start of the service, ms");
        const DRAIN: (&str, &str) = ("drain_events_per_second", "events drained a second");
        match self {
            Self::Payments => Picture {
                name: "payments",
                title: "Payments stored, 64 connections",
                grows: "payments stored before",
                panels: &[P99, RATE, PEAK, START],
            },
            Self::Backlog => Picture {
                name: "backlog",
                title: "Events that wait while nothing passes",
                grows: "events that wait",
                panels: &[START, PEAK, DRAIN],
            },
            Self::Connections => Picture {
                name: "connections",
                title: "Connections, one payment a request",
                grows: "connections",
                panels: &[RATE, P99],
            },
            Self::Rules => Picture {
                name: "rules",
                title: "Mapping rules of one payment type, the last one holds",
                grows: "rules",
                panels: &[RATE, P99, CPU],
            },
            Self::Lines => Picture {
                name: "lines",
                title: "Contents of each payment",
                grows: "contents a payment",
                panels: &[RATE, P99, CPU],
            },
        }
    }

    /// Where it is measured.
    fn sizes(self, up_to: u64) -> Vec<u64> {
        let (sizes, up_to): (&[u64], u64) = match self {
            Self::Payments => {
                (&[10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000], up_to)
            }
            Self::Backlog => (&[10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000], up_to),
            Self::Connections => (&[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024], u64::MAX),
            Self::Rules => (&[10, 30, 100, 300, 1_000], u64::MAX),
            Self::Lines => (&[1, 3, 10, 30, 100, 300, 500], u64::MAX),
        };
        sizes.iter().copied().filter(|size| *size <= up_to).collect()
    }
}

/// What is written.
#[derive(Serialize)]
struct Document {
    machine: Figures,
    series: Vec<Measured>,
}

#[derive(Serialize)]
struct Measured {
    name: &'static str,
    points: Vec<Figures>,
}

/// Measures all series. The document is written after each point, so that what ends a long run
/// does not cost what was measured before.
pub(super) fn run(context: &Context, arguments: &CurvesArguments) -> Result<(), Fault> {
    let mut document = Document { machine: machine(context)?, series: Vec::new() };
    let wanted = |series: &Series| arguments.only.is_empty() || arguments.only.contains(series);
    for series in Series::ALL.into_iter().filter(wanted) {
        let mut one_site = None;
        document.series.push(Measured { name: series.picture().name, points: Vec::new() });
        for size in series.sizes(arguments.up_to) {
            terminal::say(&format!("{}: {size}", series.picture().grows));
            let mut figures = Figures::default();
            figures.add(X, size);
            figures.append(point(context, (series, size), arguments.seconds, &mut one_site)?);
            terminal::say(&figures.table());
            if let Some(series) = document.series.last_mut() {
                series.points.push(figures);
            }
            // Lists of names and numbers: there is nothing that could fail to serialise.
            let text = serde_json::to_string_pretty(&document).unwrap_or_default();
            let shown = arguments.json.display();
            std::fs::write(&arguments.json, text)
                .map_err(Fault::of(format!("cannot write {shown}")))?;
        }
    }
    Ok(())
}

/// The key of a point's size.
pub(super) const X: &str = "x";

fn machine(context: &Context) -> Result<Figures, Fault> {
    let mut figures = Figures::default();
    figures.add("processor", machine::processor());
    figures.add("build", if cfg!(debug_assertions) { "debug" } else { "release" });
    figures.add("version", env!("CARGO_PKG_VERSION"));
    let disk = Disk::measure(&context.folder)?;
    figures.add("disk_fdatasync_p50_us", disk.p50_us);
    figures.add("disk_fdatasync_per_second", disk.per_second);
    Ok(figures)
}

fn point<'c>(
    context: &'c Context,
    (series, size): (Series, u64),
    seconds: u64,
    one_site: &mut Option<Site<'c>>,
) -> Result<Figures, Fault> {
    let mut load = Load { seconds, ..Load::usual() };
    let number = usize::try_from(size).unwrap_or(usize::MAX);
    match series {
        Series::Connections => load.connections = number,
        Series::Rules => load.rules = number,
        Series::Lines => load.lines = number,
        Series::Payments | Series::Backlog => {}
    }
    let fresh = || Site::new(context, (load.shape(), load.rules), false);
    match series {
        Series::Connections | Series::Rules | Series::Lines => {
            measure::served(&mut fresh()?, load.way())
        }
        Series::Backlog => measure::backlog(&mut fresh()?, size),
        Series::Payments => {
            let site = match one_site {
                Some(site) => site,
                None => one_site.insert(fresh()?),
            };
            let stand_in = StandIn::start(context.kind, &context.runtime)?;
            let mut figures = measure::preload(site, &stand_in, size)?;
            figures.append(measure::served(site, load.way())?);
            Ok(figures)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_goes_as_far_as_it_is_asked() {
        assert_eq!(Series::Payments.sizes(100_000), [10_000, 30_000, 100_000]);
        assert_eq!(Series::Backlog.sizes(u64::MAX).last(), Some(&2_000_000));
        assert_eq!(Series::Payments.sizes(u64::MAX).last(), Some(&10_000_000));
        assert_eq!(Series::Connections.sizes(1).last(), Some(&1_024));
    }
}
