//! Builds a platform's kernel: `build PLATFORM OUT [--debug]`.

use std::path::Path;
use std::process::ExitCode;

use sel4_kernel::{KernelBuild, source};

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let debug = arguments.iter().any(|argument| argument == "--debug");
    arguments.retain(|argument| argument != "--debug");
    let [platform, out] = arguments.as_slice() else {
        eprintln!("usage: build PLATFORM OUT [--debug]");
        return ExitCode::from(2);
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let result = source::find(&workspace).and_then(|source| {
        KernelBuild {
            source,
            platform_dir: workspace.join("platforms").join(platform),
            out: out.into(),
            debug,
        }
        .build()
    });
    match result {
        Ok(kernel) => {
            let what = if kernel.rebuilt {
                "built"
            } else {
                "is up to date"
            };
            println!("{} {what}", kernel.elf.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
