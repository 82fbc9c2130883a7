//! Generates the ABI from the kernel's interface files and the configuration of its build.

mod bitfield;
mod emit;
mod header;
mod interface;
mod preprocessor;
mod source;

use std::env;
use std::fs;
use std::path::PathBuf;

use bitfield::BitFields;
use header::Header;
use interface::Interfaces;
use preprocessor::Preprocessor;

fn main() {
    println!("cargo:rerun-if-changed=build");
    let target = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets CARGO_CFG_TARGET_ARCH");
    let (arch, sel4_arch) = match target.as_str() {
        "aarch64" => ("arm", "aarch64"),
        "x86_64" => ("x86", "x86_64"),
        other => panic!("no seL4 interface for target architecture {other}"),
    };
    let lib = source::kernel_source().join("libsel4");
    let autoconf = source::configuration(sel4_arch);
    let include = vec![
        lib.join("include"),
        lib.join("arch_include").join(arch),
        lib.join("sel4_arch_include").join(sel4_arch),
    ];

    let mut c = Preprocessor::new(include.clone());
    c.run(&autoconf);
    let configuration = c.macros.clone();
    let mut text = c.run(&lib.join("include/sel4/types.h"));
    text += &c.run(&lib.join("include/sel4/bootinfo_types.h"));
    let boot_info = include[1].join("sel4/arch/bootinfo_types.h");
    if boot_info.is_file() {
        text += &c.run(&boot_info);
    }
    let mapping = include[2].join("sel4/sel4_arch/mapping.h");
    c.run(&mapping);
    let mut header = Header::default();
    header.parse(&text, &mut c);

    let mut bits = BitFields::default();
    let mut bf = Preprocessor::new(include.clone());
    bf.macros = configuration;
    for path in [
        lib.join("include/sel4/types_64.bf"),
        lib.join("include/sel4/shared_types_64.bf"),
        include[2].join("sel4/sel4_arch/types.bf"),
    ] {
        bits.parse(&bf.run(&path));
    }

    // Labels count through the generic, the variant's and the architecture's files in this order.
    let xml = [
        lib.join("include/interfaces/sel4.xml"),
        include[2].join("interfaces/sel4arch.xml"),
        include[1].join("interfaces/sel4arch.xml"),
    ];
    let syscalls = lib.join("include/api/syscall.xml");
    let interfaces = Interfaces::load(&xml, &syscalls, &c);

    for path in c
        .files()
        .iter()
        .chain(bf.files())
        .chain(&xml)
        .chain([&syscalls])
    {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let code = emit::all(&c, &header, &bits, &interfaces);
    fs::write(out.join("generated.rs"), code).expect("OUT_DIR is writable");
}
