//! The catalogue: how long a feed of 100,000 products takes to read, what it holds of memory, and
//! what one id costs afterwards.
//!
//!     cargo bench --bench catalog
//!
//! The feeds are written from a seed into a folder that goes away: six fields a product, some 250
//! bytes, as CSV and as RSS. The last line is the most memory that the process ever had (`VmHWM`),
//! the benchmarking itself included.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a tool for engineers")]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::LazyLock;

use divan::{Bencher, black_box};
use tempfile::TempDir;
use tillpost::config::{System, feed};
use tillpost::core::catalog::{Builder, Catalog, Row};
use tillpost::core::meta::ContentType;

const PRODUCTS: u64 = 100_000;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("feed.csv"), false);
    write(&folder.path().join("feed.xml"), true);
    folder
});

fn main() {
    LazyLock::force(&FOLDER);
    divan::main();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!("{} for {PRODUCTS} products", peak.unwrap_or("VmHWM: not known here"));
}

/// A feed from a seed: four variants a group, prices in cents, descriptions that need quoting.
fn write(path: &PathBuf, xml: bool) {
    let mut random = fastrand::Rng::with_seed(20_260_228);
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    let head =
        if xml { "<rss><channel>" } else { "id,title,description,item_group_id,price,sale_price" };
    writeln!(file, "{head}").expect("a disk");
    for product in 0..PRODUCTS {
        let id = format!("shopify_IN_{}_{}", 7_000_000 + product / 4, 41_000_000 + product);
        let group = 7_000_000 + product / 4;
        let cents = random.u32(100..1_000_000);
        let price = format!("{}.{:02} INR", cents / 100, cents % 100);
        let letters: String = (0..40).map(|_| random.alphabetic()).collect();
        let quote = if xml { "\"" } else { "\"\"" };
        let words = format!("{letters} {}", format!("fine cotton, {quote}soft{quote} ").repeat(6));
        if xml {
            writeln!(file, "<item><g:id>{id}</g:id><title>Shirt {product}</title><description>{words}</description><g:item_group_id>{group}</g:item_group_id><g:price>{price}</g:price></item>")
        } else {
            writeln!(file, "{id},Shirt {product},\"{words}\",{group},{price},")
        }
        .expect("a disk");
    }
    if xml {
        writeln!(file, "</channel></rss>").expect("a disk");
    }
}

fn loaded(name: &str) -> Catalog {
    let (catalog, report) = feed::read(&FOLDER.path().join(name), None, &System).expect("a feed");
    assert_eq!((report.products, report.troubles.len()), (100_000, 0));
    catalog
}

#[divan::bench(args = ["feed.csv", "feed.xml"], sample_count = 10, sample_size = 1)]
fn read(name: &str) -> Catalog {
    loaded(name)
}

/// A shop whose ids all end in one of three sizes: an id of it, and one that it does not have.
#[divan::bench(args = ["SKU77-RED-M", "SKU99999999-RED-M", "M"])]
fn look_up_among_sizes(bencher: Bencher<'_, '_>, id: &str) {
    let mut builder = Builder::default();
    for product in 0..PRODUCTS {
        let (sku, size) = (product / 3, ["S", "M", "L"][usize::try_from(product % 3).unwrap_or(0)]);
        builder.add(product, Row { id: &format!("SKU{sku}-RED-{size}"), ..Row::default() });
    }
    let (catalog, _) = builder.finish();
    bencher.bench_local(|| {
        let kind = Some(ContentType::Product);
        let known = catalog.has(kind, black_box(id));
        (known, (!known).then(|| catalog.suggestion(kind, black_box(id))))
    });
}

/// Found as it is, and not found: a near one, an id of the other kind, and one that nobody meant.
#[divan::bench(args = ["shopify_IN_7012345_41049380", "41049380", "7012345", "wc_41049380", "sku-1-2-3-4-5-6-7-8"])]
fn look_up(bencher: Bencher<'_, '_>, id: &str) {
    let catalog = loaded("feed.csv");
    bencher.bench_local(|| {
        let kind = Some(ContentType::Product);
        let known = catalog.has(kind, black_box(id));
        (known, (!known).then(|| catalog.suggestion(kind, black_box(id))))
    });
}
