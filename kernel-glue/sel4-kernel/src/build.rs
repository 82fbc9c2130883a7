//! Building the kernel.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::arch::{COMMON_C_SOURCES, Recipe};
use crate::error::{Error, Result};
use crate::platform::Platform;
use crate::source;
use crate::tool::{self, Step};

/// Python with the modules that the kernel's tools import. Debian's, since those modules are
/// Debian packages; `HIRD_PYTHON` names another.
const PYTHON: &str = "/usr/bin/python3";
const PYTHON_PACKAGES: &str = "python3 python3-six python3-ply python3-tempita";

/// What the kernel is built from, and where to.
#[derive(Clone, Debug)]
pub struct KernelBuild {
    /// The kernel source: the pinned package's folder `seL4/` ([`source::find`]). Never written to.
    pub source: PathBuf,
    /// The board's folder, with `platform.toml`.
    pub platform_dir: PathBuf,
    /// The folder for everything that comes out; made if it is not there.
    pub out: PathBuf,
    /// A kernel that checks its assertions, prints, and has the debugging system calls.
    pub debug: bool,
}

/// A kernel that has been built.
#[derive(Clone, Debug)]
pub struct BuiltKernel {
    /// The folder it was built in: what `HIRD_KERNEL_DIR` is set to for crates that need it.
    pub dir: PathBuf,
    /// The kernel.
    pub elf: PathBuf,
    /// What the machine's firmware, or the loader, starts: the kernel, or its copy in another format.
    pub boot: PathBuf,
    /// The configuration it was built with.
    pub autoconf: PathBuf,
    /// The generated headers.
    pub include: PathBuf,
    /// The board it is for.
    pub platform: Platform,
    /// Whether something was built, or all was there already.
    pub rebuilt: bool,
}

/// What `kernel.toml` in a build's output folder says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct KernelInfo {
    /// Name of the board.
    pub platform: String,
    /// Architecture, as in `libsel4/sel4_arch_include/` of the kernel source.
    pub arch: String,
    /// Family of architectures, as in `libsel4/arch_include/`.
    pub family: String,
    /// Version of the kernel.
    pub version: String,
    /// Whether it is a debug kernel.
    pub debug: bool,
}

impl KernelInfo {
    /// Reads what a build into `dir` left there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is no build, [`Error::Platform`] if its file is damaged.
    pub fn load(dir: &Path) -> Result<KernelInfo> {
        let path = dir.join("kernel.toml");
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        toml::from_str(&text).map_err(|cause| Error::Platform {
            path,
            message: cause.to_string(),
        })
    }
}

/// A file that the build writes itself.
struct Written {
    path: String,
    text: String,
}

impl KernelBuild {
    /// Verifies the source and builds the kernel, unless it is there already and nothing that it
    /// depends on has changed.
    ///
    /// # Errors
    ///
    /// [`Error::SourceDiffers`] if the source is not the recorded one; [`Error::Platform`] if the
    /// board's description is wrong; [`Error::MissingTool`] and [`Error::ToolFailed`] for the
    /// programs that it runs; [`Error::Io`].
    pub fn build(&self) -> Result<BuiltKernel> {
        let platform = Platform::load(&self.platform_dir)?;
        let report = source::verify(&self.source)?;
        if !report.is_clean() {
            return Err(Error::SourceDiffers {
                path: self.source.clone(),
                report,
            });
        }
        let source = self
            .source
            .canonicalize()
            .map_err(Error::io(&self.source))?;
        fs::create_dir_all(&self.out).map_err(Error::io(&self.out))?;
        let out = self.out.canonicalize().map_err(Error::io(&self.out))?;

        let plan = Plan::new(&platform, &source, self.debug)?;
        let stamp = plan.stamp()?;
        let mut built = BuiltKernel {
            elf: out.join("kernel.elf"),
            boot: out.join(match plan.recipe.boot_format {
                Some(_) => "kernel-boot.elf",
                None => "kernel.elf",
            }),
            autoconf: out.join("include/autoconf.h"),
            include: out.join("include"),
            dir: out.clone(),
            platform: platform.clone(),
            rebuilt: false,
        };
        // Where the source lies is not part of the result, so it does not count as a change.
        write(&out.join("source"), &format!("{}\n", source.display()))?;
        let stamp_file = out.join("stamp");
        if built.elf.is_file() && fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp) {
            return Ok(built);
        }
        // A build that stops half-way must not pass for a complete one.
        if stamp_file.exists() {
            fs::remove_file(&stamp_file).map_err(Error::io(&stamp_file))?;
        }
        plan.run(&out)?;
        write(&stamp_file, &stamp)?;
        built.rebuilt = true;
        Ok(built)
    }
}

/// Everything that a build does, known before it begins. Commands run in the output folder's
/// `work/` and name its files by relative paths, so that its place cannot show in the result.
struct Plan<'a> {
    platform: &'a Platform,
    source: &'a Path,
    recipe: &'static Recipe,
    written: Vec<Written>,
    folders: Vec<String>,
    steps: Vec<Step>,
    tools: Vec<String>,
}

impl<'a> Plan<'a> {
    fn new(platform: &'a Platform, source: &'a Path, debug: bool) -> Result<Plan<'a>> {
        let recipe = platform.arch.recipe();
        let mut plan = Plan {
            platform,
            source,
            recipe,
            written: Vec::new(),
            folders: vec!["work/tools".into(), "include".into()],
            steps: Vec::new(),
            tools: Vec::new(),
        };
        let python = std::env::var("HIRD_PYTHON").unwrap_or_else(|_| PYTHON.into());
        let compiler = format!("{}gcc", platform.cross());
        plan.check_tools(&python, &compiler)?;
        plan.write_configuration(debug)?;
        plan.generate_interface_headers(&python);
        plan.generate_bitfields(&python, &compiler, debug);
        plan.compile(&compiler, debug)?;
        Ok(plan)
    }

    fn check_tools(&mut self, python: &str, compiler: &str) -> Result<()> {
        let package = if self.platform.cross().is_empty() {
            String::from("gcc")
        } else {
            format!("gcc-{}", self.platform.cross().trim_end_matches('-'))
        };
        self.tools.push(tool::version(compiler, &package)?);
        self.tools.push(tool::version(
            &format!("{}ld", self.platform.cross()),
            "binutils",
        )?);
        self.tools.push(tool::version(python, PYTHON_PACKAGES)?);
        let modules = tool::command(python)
            .args(["-c", "import six, ply, tempita"])
            .output();
        if !modules.is_ok_and(|output| output.status.success()) {
            return Err(Error::MissingTool {
                tool: format!("one of the modules six, ply and tempita of {python}"),
                package: PYTHON_PACKAGES.into(),
            });
        }
        Ok(())
    }

    fn write_configuration(&mut self, debug: bool) -> Result<()> {
        let version_file = self.source.join("VERSION");
        let version = fs::read_to_string(&version_file).map_err(Error::io(&version_file))?;
        let info = KernelInfo {
            platform: self.platform.name.clone(),
            arch: self.recipe.sel4_arch.into(),
            family: self.recipe.family.into(),
            version: version.trim().into(),
            debug,
        };
        self.written.push(Written {
            path: "include/autoconf.h".into(),
            text: self.platform.configuration(debug).header(),
        });
        self.written.push(Written {
            path: "kernel.toml".into(),
            text: toml::to_string(&info).expect("strings and a boolean are valid TOML"),
        });
        Ok(())
    }

    /// The numbers of system calls and invocations, from the interface's XML files.
    fn generate_interface_headers(&mut self, python: &str) {
        let Recipe {
            family, sel4_arch, ..
        } = *self.recipe;
        let arch_xml = format!("libsel4/arch_include/{family}/interfaces/sel4arch.xml");
        let sel4_arch_xml =
            format!("libsel4/sel4_arch_include/{sel4_arch}/interfaces/sel4arch.xml");
        let invocation = "invocation_header_gen.py";
        for (script, options, xml, destination, header) in [
            (
                invocation,
                &["--arch"][..],
                &*arch_xml,
                "--dest",
                "arch/api/invocation.h",
            ),
            (
                invocation,
                &["--sel4_arch"],
                &sel4_arch_xml,
                "--dest",
                "arch/api/sel4_invocation.h",
            ),
            (
                invocation,
                &[],
                "libsel4/include/interfaces/sel4.xml",
                "--dest",
                "api/invocation.h",
            ),
            (
                "syscall_header_gen.py",
                &[],
                "include/api/syscall.xml",
                "--kernel_header",
                "arch/api/syscall.h",
            ),
        ] {
            let mut arguments = vec![format!("tools/{script}")];
            arguments.extend(options.iter().map(|option| option.to_string()));
            arguments.push("--xml".into());
            arguments.push(self.in_source(xml));
            arguments.push(destination.into());
            arguments.push(self.header(header));
            self.python(python, format!("generating {header}"), arguments);
        }
    }

    /// The accessors of the kernel's packed structures, from its bit-field files.
    fn generate_bitfields(&mut self, python: &str, compiler: &str, debug: bool) {
        for (number, (file, header)) in self.recipe.bitfields.iter().enumerate() {
            let input = match file.starts_with("@/") {
                true => self.in_overlay(file),
                false => self.in_source(file),
            };
            let preprocessed = format!("bitfield{number}.pbf");
            let mut arguments: Vec<String> = vec!["-E".into(), "-nostdinc".into(), "-P".into()];
            arguments.extend(self.preprocessor_options(debug));
            arguments.extend([
                "-x".into(),
                "c".into(),
                input,
                "-o".into(),
                preprocessed.clone(),
            ]);
            self.compiler(compiler, format!("preprocessing {file}"), arguments);
            let output = self.header(header);
            self.python(
                python,
                format!("generating {header}"),
                vec!["tools/bitfield_gen.py".into(), preprocessed, output],
            );
        }
    }

    /// All C files as one, the assembly files, and the link.
    fn compile(&mut self, compiler: &str, debug: bool) -> Result<()> {
        let debug_sources = if debug {
            self.recipe.debug_c_sources
        } else {
            &[]
        };
        let sources = COMMON_C_SOURCES
            .iter()
            .chain(self.recipe.c_sources)
            .chain(debug_sources)
            .copied()
            .chain(self.platform.kernel.sources.iter().map(String::as_str))
            .map(|path| (path, self.source.join(path)));
        let overlay_sources = self
            .platform
            .kernel
            .overlay_sources
            .iter()
            .map(|path| (path.as_str(), self.platform.overlay_file(path)));
        let mut all: Vec<(&str, PathBuf)> = sources.chain(overlay_sources).collect();
        // The kernel's own build sorts them, too: the order shows in the result.
        all.sort();
        let mut text = String::new();
        for (name, path) in all {
            text.push_str(&format!("#line 1 \"{name}\"\n"));
            text.push_str(&fs::read_to_string(&path).map_err(Error::io(&path))?);
            text.push('\n');
        }
        self.written.push(Written {
            path: "work/kernel_all.c".into(),
            text,
        });

        let mut objects = Vec::new();
        let mut inputs = vec![("kernel_all.c".to_owned(), "kernel_all.o".to_owned())];
        for file in self.recipe.asm_sources {
            let name = Path::new(file)
                .file_stem()
                .expect("a source file has a name");
            inputs.push((
                self.in_source(file),
                format!("{}.o", name.to_string_lossy()),
            ));
        }
        for (input, object) in inputs {
            let mut arguments = self.compiler_options(debug);
            arguments.extend(["-c".into(), input.clone(), "-o".into(), object.clone()]);
            self.compiler(compiler, format!("compiling {input}"), arguments);
            objects.push(object);
        }

        let script = match &self.platform.kernel.linker_script {
            Some(script) => self.in_overlay(script),
            None => self.in_source(&format!("src/plat/{}/linker.lds", self.platform.name)),
        };
        let mut arguments: Vec<String> = vec!["-E".into(), "-P".into(), "-nostdinc".into()];
        arguments.extend(self.preprocessor_options(debug));
        arguments.extend(["-x", "c"].map(String::from));
        arguments.extend([script, "-o".into(), "linker.lds_pp".into()]);
        self.compiler(
            compiler,
            "preprocessing the linker script".into(),
            arguments,
        );

        let mut arguments: Vec<String> = [
            "-nostdlib",
            "-static",
            "-no-pie",
            "-Wl,--build-id=none,-n,-z,noexecstack,--no-warn-rwx-segments",
            "-T",
            "linker.lds_pp",
            "-o",
            "../kernel.elf",
        ]
        .map(String::from)
        .into();
        arguments.extend(self.recipe.ldflags.iter().map(|flag| flag.to_string()));
        let wrapped = self.platform.kernel.wrapped.iter();
        arguments.extend(wrapped.map(|name| format!("-Wl,--wrap={name}")));
        arguments.extend(objects);
        self.compiler(compiler, "linking the kernel".into(), arguments);
        if let Some(format) = self.recipe.boot_format {
            let arguments = ["-O", format, "../kernel.elf", "../kernel-boot.elf"];
            self.steps.push(Step {
                what: "converting the kernel".into(),
                program: format!("{}objcopy", self.platform.cross()),
                arguments: arguments.map(String::from).into(),
                package: "binutils".into(),
            });
        }
        Ok(())
    }

    fn preprocessor_options(&self, debug: bool) -> Vec<String> {
        let mut options = vec!["-I../include".to_owned()];
        let headers = self.platform.overlay_headers().into_iter();
        options.extend(headers.map(|folder| format!("-I{}", folder.display())));
        let folders = self.recipe.include_dirs.iter();
        options.extend(folders.map(|dir| format!("-I{}", self.in_source(dir))));
        options.push("-DHAVE_AUTOCONF".into());
        options.extend(self.recipe.defines.iter().map(|name| format!("-D{name}")));
        if let Some(prefix) = self.recipe.cpu_define {
            let cpu = self.platform.cpu.to_uppercase().replace('-', "_");
            options.push(format!("-D{prefix}{cpu}"));
        }
        if debug {
            options.push("-DDEBUG".into());
        }
        options
    }

    fn compiler_options(&self, debug: bool) -> Vec<String> {
        let mut options: Vec<String> = [
            "-std=c99",
            "-O2",
            "-nostdinc",
            "-ffreestanding",
            "-fno-pic",
            "-fno-pie",
            "-fno-stack-protector",
            "-fno-asynchronous-unwind-tables",
            // Its warnings are the kernel's own, and nothing that a user could change.
            "-w",
        ]
        .map(String::from)
        .into();
        options.push(format!("{}{}", self.recipe.cpu_option, self.platform.cpu));
        options.extend(self.recipe.cflags.iter().map(|flag| flag.to_string()));
        if debug {
            options.push("-g".into());
        }
        // Assertions and debugging information name files.
        let overlays = self.platform.overlays();
        let mut folders = vec![(self.source, "seL4")];
        folders.extend(overlays.iter().map(|folder| (folder.as_path(), "platform")));
        for (path, name) in folders {
            options.push(format!("-ffile-prefix-map={}={name}", path.display()));
        }
        options.extend(self.preprocessor_options(debug));
        options
    }

    fn python(&mut self, python: &str, what: String, arguments: Vec<String>) {
        self.steps.push(Step {
            what,
            program: python.into(),
            arguments,
            package: PYTHON_PACKAGES.into(),
        });
    }

    fn compiler(&mut self, compiler: &str, what: String, arguments: Vec<String>) {
        self.steps.push(Step {
            what,
            program: compiler.into(),
            arguments,
            package: "a C compiler for the board".into(),
        });
    }

    /// The path, from `work/`, of a generated header.
    fn header(&mut self, name: &str) -> String {
        let path = format!("include/{name}");
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folders.push(folder.to_owned());
        }
        format!("../{path}")
    }

    fn in_source(&self, path: &str) -> String {
        self.source.join(path).display().to_string()
    }

    fn in_overlay(&self, path: &str) -> String {
        self.platform.overlay_file(path).display().to_string()
    }

    /// A text that changes when the result could.
    fn stamp(&self) -> Result<String> {
        let mut text = format!("source {}\n", source::recorded_digest());
        for version in &self.tools {
            text.push_str(&format!("tool {version}\n"));
        }
        let overlays = self.platform.overlays().into_iter();
        for folder in overlays.filter(|folder| folder.is_dir()) {
            for (path, hash) in source::hash_files(&folder)? {
                text.push_str(&format!("overlay {hash} {path}\n"));
            }
        }
        for written in &self.written {
            let hash = source::hex(&Sha256::digest(&written.text));
            text.push_str(&format!("written {hash} {}\n", written.path));
        }
        for step in &self.steps {
            // Folders by name, for a checkout or a registry that has moved.
            let line = step
                .command_line()
                .replace(&self.source.display().to_string(), "seL4")
                .replace(&self.platform.dir.display().to_string(), "platform");
            text.push_str(&format!("run {line}\n"));
        }
        Ok(text)
    }

    fn run(&self, out: &Path) -> Result<()> {
        for name in ["work", "include"] {
            let folder = out.join(name);
            if folder.exists() {
                fs::remove_dir_all(&folder).map_err(Error::io(&folder))?;
            }
        }
        for folder in &self.folders {
            let folder = out.join(folder);
            fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        }
        for written in &self.written {
            write(&out.join(&written.path), &written.text)?;
        }
        // One of the tools' libraries writes beside the program that uses it.
        let tools = self.source.join("tools");
        for entry in fs::read_dir(&tools).map_err(Error::io(&tools))? {
            let path = entry.map_err(Error::io(&tools))?.path();
            if path.extension().is_some_and(|extension| extension == "py") {
                let name = path.file_name().expect("an entry has a name");
                let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
                write(&out.join("work/tools").join(name), &text)?;
            }
        }
        let work = out.join("work");
        self.steps.iter().try_for_each(|step| step.run(&work))
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(Error::io(path))
}
