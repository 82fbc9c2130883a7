//! Makes a bootable image: `image --kernel-dir DIR --root ROOT.elf -o IMAGE`.
//!
//! The loader is built into `DIR/loader`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sel4_kernel::{KernelInfo, LoaderBuild, make_image};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (mut kernel_dir, mut root, mut output) = (None, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let place = match &*option {
            "--kernel-dir" => &mut kernel_dir,
            "--root" => &mut root,
            "-o" => &mut output,
            _ => return Err(format!("unknown option {option}").into()),
        };
        *place = arguments.next().map(PathBuf::from);
    }
    let (Some(kernel_dir), Some(root), Some(output)) = (kernel_dir, root, output) else {
        return Err("usage: image --kernel-dir DIR --root ROOT.elf -o IMAGE".into());
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let platform = KernelInfo::load(&kernel_dir)?.platform;
    let loader = LoaderBuild {
        platform_dir: workspace.join("platforms").join(platform),
        workspace,
        out: kernel_dir.join("loader"),
    }
    .build()?;
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let image = make_image(
        &read(&loader)?,
        &read(&kernel_dir.join("kernel.elf"))?,
        &read(&root)?,
    )?;
    std::fs::write(&output, image)?;
    Ok(())
}
