//! The binary: arguments in, exit code out. Everything else is the library's.

use std::process::ExitCode;

/// A capture is made of some hundred small allocations, and other threads free what the workers
/// allocate: with the system's allocator a capture costs half as much again (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tillpost::cli::main()
}
