//! Enumerations, structures and type names of preprocessed C headers.

use crate::preprocessor::{Preprocessor, tokenize};
use std::collections::BTreeMap;

/// A structure whose members are scalars, arrays of scalars, or other structures.
pub struct Structure {
    /// Type name.
    pub name: String,
    /// Whether the C declaration asks for no padding between members.
    pub packed: bool,
    /// Members in order.
    pub members: Vec<Member>,
}

/// A member of a structure.
pub struct Member {
    /// Member name as in C.
    pub name: String,
    /// C type name; a pointer is given as `seL4_Word`.
    pub kind: String,
    /// Number of elements of an array.
    pub count: Option<i128>,
}

/// Declarations of a set of headers.
#[derive(Default)]
pub struct Header {
    /// Enumerators, in order of declaration.
    pub enumerators: Vec<(String, i128)>,
    /// `typedef A B;` as B to A.
    pub aliases: BTreeMap<String, String>,
    /// Names of enumeration types.
    pub enumerations: Vec<String>,
    /// Structures, in order of declaration.
    pub structures: Vec<Structure>,
}

impl Header {
    /// Parses preprocessed text; enumerators become constants of `preprocessor`.
    pub fn parse(&mut self, text: &str, preprocessor: &mut Preprocessor) {
        let tokens = tokenize(text);
        let mut at = 0;
        while at < tokens.len() {
            let typedef = tokens[at] == "typedef";
            let start = at + usize::from(typedef);
            match tokens.get(start).map(String::as_str) {
                Some("enum") => at = self.enumeration(&tokens, start, typedef, preprocessor),
                Some("struct") if typedef => at = self.structure(&tokens, start, preprocessor),
                Some(_) if typedef => {
                    let end = find(&tokens, start, ";");
                    if end == start + 2 {
                        self.aliases
                            .insert(tokens[start + 1].clone(), tokens[start].clone());
                    } else if let [before @ .., name] = &tokens[start..end] {
                        self.aliases.insert(name.clone(), before.join(" "));
                    }
                    at = end + 1;
                }
                _ => at = skip(&tokens, at),
            }
        }
    }

    fn enumeration(
        &mut self,
        tokens: &[String],
        start: usize,
        typedef: bool,
        preprocessor: &mut Preprocessor,
    ) -> usize {
        let open = find(tokens, start, "{");
        let close = find(tokens, open, "}");
        let mut next = 0;
        for item in tokens[open + 1..close].split(|token| token == ",") {
            let Some(name) = item.first() else { continue };
            // Padding enumerators only force the C type's width.
            if name == "SEL4_FORCE_LONG_ENUM" {
                continue;
            }
            if let Some(value) = item
                .get(2..)
                .filter(|_| item.get(1).is_some_and(|t| t == "="))
            {
                let text = value.join(" ");
                next = preprocessor
                    .constant(&text)
                    .unwrap_or_else(|| panic!("value `{text}` of {name} is not constant"));
            }
            self.enumerators.push((name.clone(), next));
            preprocessor.constants.insert(name.clone(), next);
            next += 1;
        }
        let end = find(tokens, close, ";");
        if typedef {
            self.enumerations
                .extend(tokens[close + 1..end].iter().cloned());
        }
        end + 1
    }

    fn structure(&mut self, tokens: &[String], start: usize, preprocessor: &Preprocessor) -> usize {
        let open = find(tokens, start, "{");
        let close = find(tokens, open, "}");
        let end = find(tokens, close, ";");
        let trailer = &tokens[close + 1..end];
        let packed = trailer.iter().any(|token| token == "SEL4_PACKED");
        let name = trailer
            .iter()
            .find(|token| *token != "SEL4_PACKED")
            .unwrap_or_else(|| panic!("structure without a name: {trailer:?}"));
        let mut members = Vec::new();
        for declaration in tokens[open + 1..close].split(|token| token == ";") {
            let Some(kind) = declaration.first() else {
                continue;
            };
            for declarator in declaration[1..].split(|token| token == ",") {
                let pointer = declarator.first().is_some_and(|token| token == "*");
                let declarator = &declarator[usize::from(pointer)..];
                let count = (declarator.get(1).is_some_and(|token| token == "[")).then(|| {
                    let text = declarator[2..declarator.len() - 1].join(" ");
                    preprocessor
                        .constant(&text)
                        .unwrap_or_else(|| panic!("array length `{text}` is not constant"))
                });
                let kind = if pointer {
                    "seL4_Word".to_string()
                } else {
                    kind.clone()
                };
                members.push(Member {
                    name: declarator[0].clone(),
                    kind,
                    count,
                });
            }
        }
        self.structures.push(Structure {
            name: name.clone(),
            packed,
            members,
        });
        end + 1
    }
}

fn find(tokens: &[String], from: usize, wanted: &str) -> usize {
    tokens[from..]
        .iter()
        .position(|token| token == wanted)
        .map_or_else(
            || panic!("no `{wanted}` after `{}`", tokens[from]),
            |offset| from + offset,
        )
}

/// Steps over a declaration or a function definition that says nothing of the ABI.
fn skip(tokens: &[String], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" | "(" => depth += 1,
            ")" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}
