//! `tillpost bench`: measures the service on this machine, how figures grow, and draws that.
//!
//! In: how large a load. Out: figures, after answers, books and stand-in were compared. It drives a
//! process of this same program from outside, as a backend would: nothing here knows the store.

mod arguments;
mod curves;
mod draw;
mod empty;
mod engine;
mod fault;
mod figures;
mod generator;
mod machine;
mod measure;
mod site;
mod stand_in;
mod stock;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

pub(super) use arguments::Arguments;
use arguments::{Command, DrawArguments, Place};
use curves::{Picture, Series, X};
use draw::Panel;
use fault::Fault;
use site::{Context, check_folder};

use super::{Ended, serve, setup, terminal};

pub(super) fn run(arguments: &Arguments) -> Ended {
    let done = match &arguments.command {
        None => measure(arguments),
        Some(Command::Curves(curves)) => context(&curves.place).and_then(|context| {
            curves::run(&context, curves).map_err(|fault| context.or_stopped(fault))
        }),
        Some(Command::Draw(arguments)) => draw(arguments),
    };
    match done {
        Ok(()) => Ended::Well,
        Err(fault @ (Fault::Machine(..) | Fault::Misused(_))) => terminal::failed(&fault),
        Err(fault @ (Fault::Unexpected(_) | Fault::Stopped)) => {
            let _ = terminal::failed(&fault);
            Ended::WithErrors
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Fault> {
    let context = context(&arguments.place)?;
    let figures =
        measure::run(&context, &arguments.load).map_err(|fault| context.or_stopped(fault))?;
    // A list of names and numbers: there is nothing that could fail to serialise.
    let json = || serde_json::to_string_pretty(&figures).unwrap_or_default();
    match &arguments.json {
        Some(path) if path == Path::new("-") => terminal::data(&json()),
        Some(path) => {
            write(path, &json())?;
            terminal::data(&figures.table());
        }
        None => terminal::data(&figures.table()),
    }
    Ok(())
}

fn context(place: &Place) -> Result<Context, Fault> {
    check_folder(&place.folder)?;
    let folder = place.folder.canonicalize().map_err(Fault::of("cannot find the folder"))?;
    if cfg!(debug_assertions) {
        terminal::say("this is a debug build: its figures say nothing; build with --release");
    }
    machine::allow_connections();
    let runtime = setup::runtime().map_err(|_| Fault::Stopped)?;
    let stopped = Arc::new(AtomicBool::new(false));
    let stops = Arc::clone(&stopped);
    let signals = runtime.block_on(async { serve::signals() });
    let (once, _) = signals.map_err(Fault::of("cannot wait for Ctrl-C"))?;
    runtime.spawn(async move {
        once.await;
        stops.store(true, Ordering::Relaxed);
    });
    Ok(Context { folder, runtime, stopped, kind: place.stand_in })
}

fn draw(arguments: &DrawArguments) -> Result<(), Fault> {
    let shown = arguments.file.display();
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(Fault::of(format!("cannot read {shown}")))?;
    let document: Value = serde_json::from_str(&text)
        .map_err(|error| Fault::Misused(format!("{shown} is not JSON: {error}")))?;
    std::fs::create_dir_all(&arguments.into).map_err(Fault::of("cannot make the folder"))?;
    let mut drawn = 0;
    for series in Series::ALL {
        let picture = series.picture();
        let Some(points) = points(&document, picture.name) else { continue };
        let path = arguments.into.join(format!("{}.svg", picture.name));
        write(&path, &drawing(&picture, points))?;
        drawn += 1;
    }
    if drawn == 0 {
        let says = format!("{shown} has no series; `tillpost bench curves` writes such a file");
        return Err(Fault::Misused(says));
    }
    Ok(())
}

/// The points of a series, if the document has it.
fn points<'d>(document: &'d Value, name: &str) -> Option<&'d Vec<Value>> {
    let series = document["series"].as_array()?;
    let found = series.iter().find(|series| series["name"] == name)?;
    found["points"].as_array().filter(|points| !points.is_empty())
}

fn drawing(picture: &Picture, points: &[Value]) -> String {
    let panel = |(figure, label): &(&'static str, &'static str)| {
        let point = |point: &Value| Some((point[X].as_f64()?, point[*figure].as_f64()?));
        let points = points.iter().filter_map(point).filter(|(x, y)| *x > 0.0 && *y > 0.0);
        Panel { label, points: points.collect() }
    };
    let panels: Vec<Panel<'_>> = picture.panels.iter().map(panel).collect();
    draw::picture(picture.title, picture.grows, &panels)
}

fn write(path: &Path, text: &str) -> Result<(), Fault> {
    let shown = path.display();
    std::fs::write(path, text).map_err(Fault::of(format!("cannot write {shown}")))?;
    terminal::say(&format!("wrote {shown}"));
    Ok(())
}
