//! The kernel's invocations and system calls, from its XML files.

use crate::preprocessor::Preprocessor;
use roxmltree::{Document, Node};
use std::fs;
use std::path::{Path, PathBuf};

/// A parameter of an invocation.
pub struct Parameter {
    /// Name as in the file.
    pub name: String,
    /// C type.
    pub kind: String,
}

/// An invocation of a kernel object.
pub struct Method {
    /// C type of the object's capability.
    pub interface: String,
    /// Name within the interface.
    pub name: String,
    /// Name of the label.
    pub label_name: String,
    /// Label of the message.
    pub label: u64,
    /// Inputs without the object itself.
    pub inputs: Vec<Parameter>,
    /// Outputs.
    pub outputs: Vec<Parameter>,
}

/// Everything that the XML files say about one configuration.
#[derive(Default)]
pub struct Interfaces {
    /// Invocations in order of their labels.
    pub methods: Vec<Method>,
    /// Structures that travel in a message: name and members.
    pub structs: Vec<(String, Vec<String>)>,
    /// System calls and their numbers.
    pub syscalls: Vec<(String, i64)>,
}

impl Interfaces {
    /// Reads the interface files in label order, and the list of system calls.
    pub fn load(xml: &[PathBuf], syscalls: &Path, c: &Preprocessor) -> Self {
        let mut this = Self::default();
        // Label 0 is no invocation.
        let mut label = 1;
        for path in xml {
            let text = read(path);
            let document = parse(path, &text);
            for node in document
                .descendants()
                .filter(|node| node.has_tag_name("struct"))
            {
                let members = node
                    .children()
                    .filter(|child| child.has_tag_name("member"))
                    .map(|member| attribute(member, "name"))
                    .collect();
                this.structs.push((attribute(node, "name"), members));
            }
            for interface in document
                .descendants()
                .filter(|n| n.has_tag_name("interface"))
            {
                for method in interface.children().filter(|n| n.has_tag_name("method")) {
                    let holds = method
                        .attribute("condition")
                        .is_none_or(|condition| condition.is_empty() || c.condition(condition));
                    if !holds {
                        continue;
                    }
                    let parameters = |direction: &str| {
                        method
                            .children()
                            .filter(|n| n.has_tag_name("param"))
                            .filter(|n| n.attribute("dir") == Some(direction))
                            .map(|n| Parameter {
                                name: attribute(n, "name"),
                                kind: attribute(n, "type"),
                            })
                            .collect()
                    };
                    this.methods.push(Method {
                        interface: attribute(interface, "name"),
                        name: attribute(method, "name"),
                        label_name: attribute(method, "id"),
                        label,
                        inputs: parameters("in"),
                        outputs: parameters("out"),
                    });
                    label += 1;
                }
            }
        }
        let text = read(syscalls);
        let document = parse(syscalls, &text);
        // Numbers count down over all system calls, whether configured or not.
        let mut number = -1;
        for config in document.descendants().filter(|n| n.has_tag_name("config")) {
            let holds = config
                .attribute("condition")
                .is_none_or(|condition| c.condition(condition));
            for syscall in config.children().filter(|n| n.has_tag_name("syscall")) {
                if holds {
                    this.syscalls.push((attribute(syscall, "name"), number));
                }
                number -= 1;
            }
        }
        this
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn parse<'a>(path: &Path, text: &'a str) -> Document<'a> {
    Document::parse(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn attribute(node: Node<'_, '_>, name: &str) -> String {
    node.attribute(name)
        .unwrap_or_else(|| panic!("<{}> lacks the attribute {name}", node.tag_name().name()))
        .to_string()
}
