//! What stands in for a kernel's configuration where none has been built is the true one.

use std::path::Path;

use sel4_kernel::Platform;

#[test]
fn the_standard_configuration_is_that_of_a_release_kernel_for_qemu_virt() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let platform = Platform::load(&workspace.join("platforms/qemu-virt")).unwrap();
    let standard = workspace.join("kernel-glue/sel4-config/standard/aarch64.h");
    let standard = std::fs::read_to_string(standard).unwrap();
    assert_eq!(platform.configuration(false).header(), standard);
}
