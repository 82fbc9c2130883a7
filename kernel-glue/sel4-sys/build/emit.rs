//! Writes what the kernel's files say as Rust.

use std::fmt::Write as _;

use crate::bitfield::{BitFields, Block};
use crate::header::{Header, Structure};
use crate::interface::{Interfaces, Method, Parameter};
use crate::preprocessor::Preprocessor;

/// Bits of a machine word.
const WORD_BITS: u32 = 64;
/// Message registers that travel in processor registers, on both architectures.
const REGISTERS: usize = 4;

/// The whole generated module.
pub fn all(c: &Preprocessor, header: &Header, bits: &BitFields, interfaces: &Interfaces) -> String {
    let mut out = String::new();
    constants(&mut out, c, header);
    bit_fields(&mut out, bits);
    for structure in &header.structures {
        emit_structure(&mut out, structure, header, bits);
    }
    for (name, number) in &interfaces.syscalls {
        let _ = writeln!(out, "/// Number of the system call {name}.");
        let _ = writeln!(out, "pub const seL4_Sys{name}: i64 = {number};");
    }
    let _ = writeln!(
        out,
        "/// Labels of invocations.\npub mod invocation_label {{"
    );
    for method in &interfaces.methods {
        let _ = writeln!(out, "/// `{}_{}`.", method.interface, method.name);
        let _ = writeln!(
            out,
            "pub const {}: u64 = {};",
            method.label_name, method.label
        );
    }
    let _ = writeln!(out, "}}");
    for method in &interfaces.methods {
        emit_method(&mut out, method, header, bits, interfaces);
    }
    out
}

fn constants(out: &mut String, c: &Preprocessor, header: &Header) {
    let macros = c
        .order
        .iter()
        .filter(|name| name.starts_with("seL4_") || name.starts_with("SEL4_"))
        .filter_map(|name| Some((name, c.constant(c.macros.get(name)?)?)));
    let enumerators = header
        .enumerators
        .iter()
        .map(|(name, value)| (name, *value));
    for (name, value) in enumerators.chain(macros) {
        let kind = if value < 0 { "i64" } else { "seL4_Word" };
        let _ = writeln!(out, "/// `{name}` of the kernel's interface.");
        let _ = writeln!(out, "pub const {name}: {kind} = {value};");
    }
    // The configuration that user space has to agree on with the kernel.
    let _ = writeln!(
        out,
        "/// Configuration of the kernel that this was generated for."
    );
    let _ = writeln!(out, "pub mod config {{");
    for name in c.order.iter().filter(|name| name.starts_with("CONFIG_")) {
        if let Some(value) = c.macros.get(name).and_then(|text| c.constant(text)) {
            let _ = writeln!(out, "/// `{name}`.");
            let _ = writeln!(
                out,
                "pub const {}: u64 = {value};",
                &name["CONFIG_".len()..]
            );
        }
    }
    let _ = writeln!(out, "}}");
}

fn bit_fields(out: &mut String, bits: &BitFields) {
    let tagged: Vec<&str> = bits
        .unions
        .iter()
        .flat_map(|union| union.tags.iter().map(|tag| tag.0.as_str()))
        .collect();
    for block in &bits.blocks {
        if block.width == WORD_BITS && !tagged.contains(&block.name.as_str()) {
            word_type(out, &block.name, &[(block, None)]);
        }
    }
    for union in &bits.unions {
        for (tag, value) in &union.tags {
            let _ = writeln!(out, "/// Tag of `{tag}` in `{}`.", union.name);
            let _ = writeln!(out, "pub const {}_{tag}: seL4_Word = {value};", union.name);
        }
        let blocks: Vec<_> = union
            .tags
            .iter()
            .map(|(name, value)| (bits.block(name), Some((union.tag_field.as_str(), *value))))
            .collect();
        if blocks.iter().all(|(block, _)| block.width == WORD_BITS) {
            word_type(out, &union.name, &blocks);
        }
    }
}

/// A type for a block, or for a union of blocks, that fills one word.
fn word_type(out: &mut String, name: &str, blocks: &[(&Block, Option<(&str, u64)>)]) {
    let _ = writeln!(out, "/// `{name}_t`: fields in one word.");
    let _ = writeln!(
        out,
        "#[repr(transparent)]\n#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]"
    );
    let _ = writeln!(out, "pub struct {name}(pub seL4_Word);\nimpl {name} {{");
    for (block, tag) in blocks {
        let prefix = if tag.is_some() {
            format!("{}_", snake(&block.name))
        } else {
            String::new()
        };
        let fields: Vec<_> = block
            .fields
            .iter()
            .filter(|field| tag.is_none_or(|(tag, _)| field.name != tag))
            .collect();
        let arguments: Vec<_> = fields
            .iter()
            .map(|field| format!("{}: seL4_Word", snake(&field.name)))
            .collect();
        let _ = writeln!(
            out,
            "/// Puts the fields together; bits that do not fit are cut off."
        );
        let _ = writeln!(out, "#[inline(always)]\n#[must_use]");
        let _ = writeln!(
            out,
            "pub const fn {prefix}new({}) -> Self {{",
            arguments.join(", ")
        );
        let mut parts: Vec<_> = fields
            .iter()
            .map(|f| {
                format!(
                    "(({} & {:#x}) << {})",
                    snake(&f.name),
                    mask(f.width),
                    f.offset
                )
            })
            .collect();
        if let Some((tag, value)) = tag {
            let field = block
                .fields
                .iter()
                .find(|field| field.name == *tag)
                .expect("tag field");
            parts.push(format!("({value} << {})", field.offset));
        }
        let _ = writeln!(out, "Self({})\n}}", parts.join(" | "));
        for field in fields {
            let lower = snake(&field.name);
            let upper = format!("{prefix}{lower}").to_uppercase();
            let _ = writeln!(out, "/// Width in bits of the field {}.", field.name);
            let _ = writeln!(out, "pub const {upper}_BITS: u32 = {};", field.width);
            let _ = writeln!(out, "/// The field {}.", field.name);
            let _ = writeln!(out, "#[inline(always)]\n#[must_use]");
            let _ = writeln!(out, "pub const fn {prefix}{lower}(self) -> seL4_Word {{");
            let _ = writeln!(
                out,
                "(self.0 >> {}) & {:#x}\n}}",
                field.offset,
                mask(field.width)
            );
        }
    }
    let _ = writeln!(out, "}}");
}

fn mask(width: u32) -> u64 {
    u64::MAX >> (WORD_BITS - width)
}

/// A C or bit-field name as a Rust name.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() && at > 0 && !out.ends_with('_') {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn emit_structure(out: &mut String, structure: &Structure, header: &Header, bits: &BitFields) {
    let name = &structure.name;
    let _ = writeln!(out, "/// `{name}` of the kernel's interface.");
    let repr = match name.as_str() {
        // The C declaration aligns it to its own size.
        "seL4_IPCBuffer" => {
            let words: i128 = structure
                .members
                .iter()
                .map(|member| member.count.unwrap_or(1))
                .sum();
            format!("C, align({})", words * i128::from(WORD_BITS / 8))
        }
        _ if structure.packed => "C, packed".to_string(),
        _ => "C".to_string(),
    };
    let _ = writeln!(
        out,
        "#[repr({repr})]\n#[derive(Clone, Copy)]\npub struct {name} {{"
    );
    for member in &structure.members {
        let kind = field_type(&member.kind, header, bits);
        let kind = member
            .count
            .map_or(kind.clone(), |count| format!("[{kind}; {count}]"));
        let _ = writeln!(
            out,
            "/// `{}`.\npub {}: {kind},",
            member.name,
            keyword(&member.name)
        );
    }
    let _ = writeln!(out, "}}");
    let words = structure.members.len();
    let all_words = structure.members.iter().all(|member| {
        member.count.is_none() && field_type(&member.kind, header, bits) == "seL4_Word"
    });
    if all_words && !structure.packed {
        let _ = writeln!(
            out,
            "impl {name} {{
            /// Number of words.
            pub const WORDS: usize = {words};
            /// All words zero.
            #[inline]
            #[must_use]
            pub const fn zeroed() -> Self {{ Self {{ {} }} }}
            /// The words in the order of the message.
            #[inline(always)]
            #[must_use]
            pub const fn as_words(&self) -> &[seL4_Word; {words}] {{
                // SAFETY: the structure is `repr(C)` and consists of this many words.
                unsafe {{ &*core::ptr::from_ref(self).cast() }}
            }}
            /// The words in the order of the message, for change.
            #[inline(always)]
            pub const fn as_words_mut(&mut self) -> &mut [seL4_Word; {words}] {{
                // SAFETY: the structure is `repr(C)` and consists of this many words.
                unsafe {{ &mut *core::ptr::from_mut(self).cast() }}
            }}
            }}",
            structure
                .members
                .iter()
                .map(|m| format!("{}: 0", keyword(&m.name)))
                .collect::<Vec<_>>()
                .join(", "),
        );
    }
}

fn field_type(kind: &str, header: &Header, bits: &BitFields) -> String {
    match kind {
        "seL4_Uint8" | "char" => "u8".to_string(),
        "seL4_Uint16" => "u16".to_string(),
        "seL4_Uint32" => "u32".to_string(),
        "seL4_Word" | "seL4_Uint64" => "seL4_Word".to_string(),
        _ if bit_field(kind, bits).is_some() => {
            bit_field(kind, bits).expect("just seen").to_string()
        }
        _ => match header.aliases.get(kind) {
            Some(alias) => field_type(alias, header, bits),
            None => kind.to_string(),
        },
    }
}

/// The Rust type of a C bit-field type `X_t`.
fn bit_field<'a>(kind: &'a str, bits: &BitFields) -> Option<&'a str> {
    let name = kind.strip_suffix("_t")?;
    let known = bits.blocks.iter().any(|block| block.name == name)
        || bits.unions.iter().any(|union| union.name == name);
    known.then_some(name)
}

fn keyword(name: &str) -> String {
    if name == "type" {
        "r#type".to_string()
    } else {
        name.to_string()
    }
}

/// How a parameter travels.
enum Kind {
    /// As an extra capability.
    Cap,
    /// As so many bits of a word; the Rust type.
    Bits(u32, String),
    /// As a bit field that fills a word; the Rust type.
    Field(String),
    /// As a structure of words; the Rust type and the number of words.
    Struct(String, usize),
}

fn classify(kind: &str, header: &Header, bits: &BitFields, interfaces: &Interfaces) -> Kind {
    let resolves_to_cap = || {
        let mut name = kind;
        loop {
            if name == "seL4_CPtr" {
                return true;
            }
            match header.aliases.get(name) {
                Some(next) => name = next,
                None => return false,
            }
        }
    };
    match kind {
        "seL4_Bool" => Kind::Bits(1, "bool".to_string()),
        "seL4_Uint8" => Kind::Bits(8, "u8".to_string()),
        "seL4_Uint16" => Kind::Bits(16, "u16".to_string()),
        "seL4_Uint32" | "int" => Kind::Bits(32, "u32".to_string()),
        "seL4_Word" | "seL4_Uint64" => Kind::Bits(WORD_BITS, "seL4_Word".to_string()),
        _ => {
            if let Some((name, members)) = interfaces.structs.iter().find(|s| s.0 == kind) {
                return Kind::Struct(name.clone(), members.len());
            }
            if let Some(name) = bit_field(kind, bits) {
                return Kind::Field(name.to_string());
            }
            if header.enumerations.iter().any(|name| name == kind) {
                return Kind::Bits(WORD_BITS, "seL4_Word".to_string());
            }
            assert!(resolves_to_cap(), "parameter type {kind} is unknown");
            Kind::Cap
        }
    }
}

/// Where each parameter begins, in bits: aligned to its own size, or to a word.
fn positions(kinds: &[&Kind]) -> Vec<u32> {
    let mut used = 0u32;
    kinds
        .iter()
        .map(|kind| {
            let size = match kind {
                Kind::Bits(size, _) => *size,
                Kind::Struct(_, words) => *words as u32 * WORD_BITS,
                _ => WORD_BITS,
            };
            let start = used.next_multiple_of(size.min(WORD_BITS));
            used = start + size;
            start
        })
        .collect()
}

fn emit_method(
    out: &mut String,
    method: &Method,
    header: &Header,
    bits: &BitFields,
    interfaces: &Interfaces,
) {
    let classified = |parameters: &[Parameter]| -> Vec<(String, Kind)> {
        parameters
            .iter()
            .map(|p| {
                (
                    keyword(&p.name),
                    classify(&p.kind, header, bits, interfaces),
                )
            })
            .collect()
    };
    let inputs = classified(&method.inputs);
    let outputs = classified(&method.outputs);

    let mut arguments = vec!["service: seL4_CPtr".to_string()];
    for (name, kind) in &inputs {
        arguments.push(match kind {
            Kind::Cap => format!("{name}: seL4_CPtr"),
            Kind::Bits(_, kind) | Kind::Field(kind) => format!("{name}: {kind}"),
            Kind::Struct(kind, _) => format!("{name}: &{kind}"),
        });
    }
    let mut results = Vec::new();
    for (name, kind) in &outputs {
        match kind {
            Kind::Bits(_, kind) | Kind::Field(kind) => results.push(kind.clone()),
            Kind::Struct(kind, _) => arguments.push(format!("{name}: &mut {kind}")),
            Kind::Cap => panic!("{}_{} returns a capability", method.interface, method.name),
        }
    }
    let result = match results.as_slice() {
        [one] => one.clone(),
        many => format!("({})", many.join(", ")),
    };

    let caps: Vec<_> = inputs
        .iter()
        .filter(|(_, kind)| matches!(kind, Kind::Cap))
        .collect();
    let words: Vec<_> = inputs
        .iter()
        .filter(|(_, kind)| !matches!(kind, Kind::Cap))
        .collect();
    let mut message: Vec<Vec<String>> = Vec::new();
    // A structure is the last parameter; its length is the parameter `count`.
    let mut structure = None;
    for ((name, kind), start) in words
        .iter()
        .zip(positions(&words.iter().map(|w| &w.1).collect::<Vec<_>>()))
    {
        let (word, shift) = ((start / WORD_BITS) as usize, start % WORD_BITS);
        let value = match kind {
            Kind::Bits(WORD_BITS, _) => name.clone(),
            Kind::Bits(..) => format!("(u64::from({name}) << {shift})"),
            Kind::Field(_) => format!("{name}.0"),
            Kind::Struct(_, count) => {
                structure = Some((name.clone(), word, *count));
                continue;
            }
            Kind::Cap => unreachable!("capabilities were sorted out"),
        };
        message.resize_with(message.len().max(word + 1), Vec::new);
        message[word].push(value);
    }
    let mut message: Vec<String> = message.iter().map(|parts| parts.join(" | ")).collect();

    let full = format!("{}_{}", method.interface, method.name);
    let _ = writeln!(
        out,
        "/// Invocation {} of `{}` (label {}).",
        method.name, method.interface, method.label
    );
    let _ = writeln!(
        out,
        "///\n/// # Errors\n/// The kernel's error number; details are left in the IPC buffer's first words."
    );
    let _ = writeln!(out, "#[inline]\n#[allow(clippy::too_many_arguments)]");
    let _ = writeln!(
        out,
        "pub fn {full}({}) -> Result<{result}, seL4_Word> {{",
        arguments.join(", ")
    );
    let counted_output = outputs
        .iter()
        .any(|(_, kind)| matches!(kind, Kind::Struct(..)));
    let mut length = message.len().to_string();
    for (at, (name, _)) in caps.iter().enumerate() {
        let _ = writeln!(out, "seL4_SetCap({at}, {name});");
    }
    if let Some((name, first, count)) = &structure {
        let _ = writeln!(out, "let words = {name}.as_words();");
        if words.iter().any(|(name, _)| name == "count") {
            let _ = writeln!(out, "let used = (count as usize).min({count});");
        } else {
            let _ = writeln!(out, "let used = {count};");
        }
        length = format!("({first} + used) as seL4_Word");
        for word in *first..REGISTERS {
            message.push(format!("words[{}]", word - first));
        }
        let _ = writeln!(
            out,
            "for at in {}..used {{ seL4_SetMR(at + {first}, words[at]); }}",
            REGISTERS - first
        );
    }
    for (at, value) in message.iter().enumerate().skip(REGISTERS) {
        let _ = writeln!(out, "seL4_SetMR({at}, {value});");
    }
    message.truncate(REGISTERS);
    message.resize(REGISTERS, "0".to_string());
    let _ = writeln!(
        out,
        "let info = seL4_MessageInfo::new({}, 0, {}, {length});
        let (info, mrs) = seL4_CallWithMRs(service, info, [{}]);
        if info.label() != seL4_NoError {{ return Err(failed(info, mrs)); }}",
        method.label,
        caps.len(),
        message.join(", "),
    );
    let kinds: Vec<_> = outputs.iter().map(|output| &output.1).collect();
    let mut values = Vec::new();
    for ((name, kind), start) in outputs.iter().zip(positions(&kinds)) {
        let (word, shift) = ((start / WORD_BITS) as usize, start % WORD_BITS);
        let source = if word < REGISTERS {
            format!("mrs[{word}]")
        } else {
            format!("seL4_GetMR({word})")
        };
        match kind {
            Kind::Bits(WORD_BITS, _) => values.push(source),
            Kind::Bits(1, _) => values.push(format!("({source} >> {shift}) & 1 != 0")),
            Kind::Bits(_, kind) => values.push(format!("({source} >> {shift}) as {kind}")),
            Kind::Field(kind) => values.push(format!("{kind}({source})")),
            Kind::Struct(_, count) => {
                assert!(
                    word == 0 && counted_output,
                    "{full}: structure behind other outputs"
                );
                let _ = writeln!(
                    out,
                    "let words = {name}.as_words_mut();
                    let used = (count as usize).min({count});
                    for (at, word) in words.iter_mut().enumerate().take(used) {{
                        *word = if at < {REGISTERS} {{ mrs[at] }} else {{ seL4_GetMR(at) }};
                    }}"
                );
            }
            Kind::Cap => unreachable!("refused above"),
        }
    }
    if outputs.is_empty() || values.is_empty() {
        if outputs.is_empty() {
            let _ = writeln!(out, "let _ = mrs;");
        }
        let _ = writeln!(out, "Ok(())\n}}");
    } else if values.len() == 1 {
        let _ = writeln!(out, "Ok({})\n}}", values[0]);
    } else {
        let _ = writeln!(out, "Ok(({}))\n}}", values.join(", "));
    }
}
