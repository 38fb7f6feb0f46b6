//! One measurement, from an empty folder to a list of figures.
//!
//! In: what is asked for. Out: [`Figures`], after the books and the stand-in were compared with what
//! was answered. First what the machine can do (its disk, its sockets), then the service.

use super::arguments::Load;
use super::empty::Empty;
use super::engine::{Books, Engine};
use super::fault::Fault;
use super::figures::{Figures, per_second, quantile_ms, ratio};
use super::generator::Driven;
use super::machine::{self, Disk, Process};
use super::site::{Context, End, Site, Way, compare, expected};
use super::stand_in::StandIn;
use crate::clock::Clock;

/// Longest measurement of the empty server, in microseconds.
const CEILING_MICROS: u64 = 2_000_000;

/// How long a service that has just started is left alone before its idle memory is read.
const REST_MICROS: u64 = 500_000;

/// Everything that one call asks for.
pub(super) fn run(context: &Context, load: &Load) -> Result<Figures, Fault> {
    let mut site = Site::new(context, (load.shape(), load.rules), load.keep)?;
    let mut figures = settings(load, &site);
    figures.append(limits(&mut site, load)?);
    let stand_in = StandIn::start(context.kind, &context.runtime)?;
    figures.append(preload(&mut site, &stand_in, load.preload)?);
    if load.backlog > 0 {
        figures.append(backlog(&mut site, load.backlog)?);
    } else {
        figures.append(served(&mut site, load.way())?);
    }
    Ok(figures)
}

fn settings(load: &Load, site: &Site<'_>) -> Figures {
    let mut figures = Figures::default();
    figures.add("processor", machine::processor());
    figures.add("build", if cfg!(debug_assertions) { "debug" } else { "release" });
    figures.add("version", env!("CARGO_PKG_VERSION"));
    figures.add("stand_in", format!("{:?}", site.context.kind).to_lowercase());
    figures.add("connections", load.connections);
    figures.add("payments_per_request", load.batch);
    figures.add("lines_per_payment", load.lines);
    figures.add("bytes_per_payment", site.payment_bytes);
    figures.add("mapping_rules", load.rules);
    figures.add("seed", load.seed);
    if let Some(rate) = load.rate {
        figures.add("requests_per_second_intended", rate);
    }
    figures
}

/// What the disk and the sockets of this machine can do at most.
pub(super) fn limits(site: &mut Site<'_>, load: &Load) -> Result<Figures, Fault> {
    let mut figures = Figures::default();
    let disk = Disk::measure(&site.folder)?;
    figures.add("disk_fdatasync_p50_us", disk.p50_us);
    figures.add("disk_fdatasync_p99_us", disk.p99_us);
    figures.add("disk_fdatasync_per_second", disk.per_second);
    let empty = Empty::start(&expected(load.batch), load.batch)?;
    let micros = load.seconds.saturating_mul(1_000_000).min(CEILING_MICROS);
    let way = Way { rate: None, end: End::Micros(micros), ..load.way() };
    let mut driven = site.send(empty.address, way)?;
    driven.micros.sort_unstable();
    let requests = u64::try_from(driven.micros.len()).unwrap_or(u64::MAX);
    figures.add("empty_server_answers_per_second", per_second(requests, driven.took_micros));
    figures.add("empty_server_p99_ms", quantile_ms(&driven.micros, 990));
    figures.add("empty_server_generator_cores", ratio(driven.cpu_micros, driven.took_micros));
    figures.add("empty_server_generator_us_per_request", ratio(driven.cpu_micros, requests));
    Ok(figures)
}

/// Fills the books up to so many payments, all of them delivered.
pub(super) fn preload(
    site: &mut Site<'_>,
    stand_in: &StandIn,
    payments: u64,
) -> Result<Figures, Fault> {
    let mut figures = Figures::default();
    if payments == 0 {
        return Ok(figures);
    }
    let engine = site.start(stand_in)?;
    let (before, taken) = (engine.books()?, stand_in.events());
    let began = Clock::System.monotonic_micros();
    let missing = payments.saturating_sub(before.recorded);
    let answered = if missing > 0 { site.fill(&engine, missing)? } else { 0 };
    let events = taken + before.pending + before.retrying + answered;
    let after = site.settle(&engine, stand_in, events)?;
    compare((before, after), (answered, stand_in.events() - taken))?;
    let took = Clock::System.monotonic_micros() - began;
    engine.stop()?;
    figures.add("payments_stored_before", after.recorded);
    figures.add("preload_payments_per_second", per_second(answered, took));
    Ok(figures)
}

/// Starts the service, sends, waits until everything is delivered, and compares.
pub(super) fn served(site: &mut Site<'_>, way: Way) -> Result<Figures, Fault> {
    let stand_in = StandIn::start(site.context.kind, &site.context.runtime)?;
    let engine = site.start(&stand_in)?;
    Clock::block_micros(REST_MICROS);
    let mut figures = Figures::default();
    figures.add("start_ms", ratio(engine.start_micros, 1_000));
    figures.add("idle_mib", ratio(engine.process.resident_kib()?, 1_024));
    let before = engine.books()?;
    let size = machine::database_bytes(&engine.database).0;
    let written = engine.process.written_bytes()?;
    engine.process.forget_peak()?;
    let before_load = Used::now(&engine)?;
    let mut driven = site.send(engine.api, way)?;
    let used = Used::now(&engine)?.since(&before_load);
    let ended = Clock::System.monotonic_micros();
    let wal = machine::database_bytes(&engine.database).1;
    driven.micros.sort_unstable();
    let answered = u64::try_from(driven.micros.len() * way.batch).unwrap_or(u64::MAX);
    figures.append(answers(&driven, way));
    let cores = |micros| ratio(micros, driven.took_micros);
    figures.add("engine_cores", cores(used.engine));
    figures.add("engine_cpu_us_per_payment", ratio(used.engine, answered));
    figures.add("generator_cores", cores(driven.cpu_micros));
    figures.add("stand_in_cores", cores(used.bench.saturating_sub(driven.cpu_micros)));
    figures.add("others_cores", cores(used.all.saturating_sub(used.engine + used.bench)));
    let books = site.settle(&engine, &stand_in, before.pending + before.retrying + answered)?;
    compare((before, books), (answered, stand_in.events()))?;
    let arrivals = stand_in.arrivals();
    let late = arrivals.last_micros.saturating_sub(ended);
    figures.add("all_delivered_after_ms", ratio(late, 1_000));
    figures.add("events_per_request_to_meta", ratio(arrivals.events, arrivals.requests));
    figures.add("peak_mib", ratio(engine.process.peak_kib()?, 1_024));
    let written = engine.process.written_bytes()? - written;
    figures.add("disk_writes_bytes_per_payment", written / answered.max(1));
    figures.add("wal_mib_after_load", ratio(wal, 1_024 * 1_024));
    let database = engine.database.clone();
    engine.stop()?;
    let grown = machine::database_bytes(&database).0.saturating_sub(size);
    figures.add("database_bytes_per_payment", grown / answered.max(1));
    figures.add("payments_stored_after", books.recorded);
    figures.add("disk_fdatasync_p50_us_after", Disk::measure(&site.folder)?.p50_us);
    figures.add("compared", "answers, books and stand-in agree");
    Ok(figures)
}

/// Processor time used so far, in microseconds.
struct Used {
    engine: u64,
    bench: u64,
    all: u64,
}

impl Used {
    fn now(engine: &Engine) -> Result<Self, Fault> {
        let (engine, bench) = (engine.process.cpu_micros()?, Process::own().cpu_micros()?);
        Ok(Self { engine, bench, all: machine::all_cpu_micros()? })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            engine: self.engine - before.engine,
            bench: self.bench - before.bench,
            all: self.all.saturating_sub(before.all),
        }
    }
}

/// How fast answers came. The times must be sorted.
fn answers(driven: &Driven, way: Way) -> Figures {
    let mut figures = Figures::default();
    let count = u64::try_from(driven.micros.len()).unwrap_or(u64::MAX);
    let payments = count * u64::try_from(way.batch).unwrap_or(1);
    figures.add("seconds", ratio(driven.took_micros, 1_000_000));
    figures.add("payments", payments);
    figures.add("durable_answers_per_second", per_second(count, driven.took_micros));
    figures.add("durable_payments_per_second", per_second(payments, driven.took_micros));
    figures.add("p50_ms", quantile_ms(&driven.micros, 500));
    figures.add("p99_ms", quantile_ms(&driven.micros, 990));
    figures.add("p999_ms", quantile_ms(&driven.micros, 999));
    figures.add("max_ms", quantile_ms(&driven.micros, 1_000));
    figures
}

/// Lets events wait while the stand-in refuses everything, starts the service anew, and measures
/// how it starts and how fast it gets rid of them.
pub(super) fn backlog(site: &mut Site<'_>, payments: u64) -> Result<Figures, Fault> {
    let before = pile_up(site, payments)?;
    let stand_in = StandIn::start(site.context.kind, &site.context.runtime)?;
    let began = Clock::System.monotonic_micros();
    let engine = site.start(&stand_in)?;
    let resident = engine.process.resident_kib()?;
    let before_drain = Used::now(&engine)?;
    let waiting = before.pending + before.retrying;
    let after = site.settle(&engine, &stand_in, waiting)?;
    let used = Used::now(&engine)?.since(&before_drain);
    let took = Clock::System.monotonic_micros() - began;
    let arrivals = stand_in.arrivals();
    compare((before, after), (0, stand_in.events()))?;
    let mut figures = Figures::default();
    figures.add("backlog_events", waiting);
    figures.add("start_ms", ratio(engine.start_micros, 1_000));
    figures.add("resident_after_start_mib", ratio(resident, 1_024));
    let first = arrivals.last_micros - arrivals.took_micros;
    figures.add("first_request_after_start_ms", ratio(first.saturating_sub(began), 1_000));
    figures.add("drain_seconds", ratio(arrivals.took_micros, 1_000_000));
    figures.add("drain_events_per_second", per_second(arrivals.events, arrivals.took_micros));
    figures.add("drain_events_per_request", ratio(arrivals.events, arrivals.requests));
    figures.add("drain_engine_cpu_us_per_event", ratio(used.engine, waiting));
    let others = used.all.saturating_sub(used.engine + used.bench);
    figures.add("others_cores", ratio(others, took));
    figures.add("peak_mib", ratio(engine.process.peak_kib()?, 1_024));
    figures.add("payments_stored_after", after.recorded);
    figures.add("compared", "answers, books and stand-in agree");
    engine.stop()?;
    Ok(figures)
}

/// Records payments whose events cannot pass, and ends the service. What the books then say.
fn pile_up(site: &mut Site<'_>, payments: u64) -> Result<Books, Fault> {
    let refusing = StandIn::refusing()?;
    let engine: Engine = site.start(&refusing)?;
    let before = engine.books()?;
    let answered = site.fill(&engine, payments)?;
    let books = engine.books()?;
    engine.stop()?;
    let waits = books.pending + books.retrying;
    if books.recorded == before.recorded + answered && waits == answered && books.dead == 0 {
        return Ok(books);
    }
    Err(Fault::Unexpected(format!("{answered} events should wait, but the books say {books:?}")))
}
