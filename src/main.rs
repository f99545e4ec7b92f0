//! The `kaptap` binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    kaptap::cli::main()
}
