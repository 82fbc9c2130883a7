//! The kernel's bit-field description language: blocks of fields, and tagged unions of them.

use crate::preprocessor::tokenize;

/// A field of a block.
pub struct Field {
    /// Name as in the file.
    pub name: String,
    /// Width in bits.
    pub width: u32,
    /// Bits below it in the block.
    pub offset: u32,
}

/// A block: a sequence of fields, most significant first.
pub struct Block {
    /// Name as in the file.
    pub name: String,
    /// Width of the whole, in bits.
    pub width: u32,
    /// Fields without the padding, most significant first.
    pub fields: Vec<Field>,
}

/// A union of blocks that a field tells apart.
pub struct TaggedUnion {
    /// Name as in the file.
    pub name: String,
    /// Field that tells the blocks apart.
    pub tag_field: String,
    /// Blocks and the values of the tag.
    pub tags: Vec<(String, u64)>,
}

/// What one or more files describe.
#[derive(Default)]
pub struct BitFields {
    /// Blocks in order.
    pub blocks: Vec<Block>,
    /// Tagged unions in order.
    pub unions: Vec<TaggedUnion>,
}

impl BitFields {
    /// Parses text whose conditionals are resolved.
    pub fn parse(&mut self, text: &str) {
        let text: String = text
            .lines()
            .map(|line| line.split("--").next().unwrap_or(""))
            .collect::<Vec<_>>()
            .join("\n");
        let mut tokens = tokenize(&text).into_iter();
        while let Some(word) = tokens.next() {
            let mut expect = |what: &str| {
                tokens
                    .next()
                    .unwrap_or_else(|| panic!("bit-field file ends before {what}"))
            };
            match word.as_str() {
                "base" => {
                    expect("the word size");
                }
                "block" => {
                    let name = expect("a block's name");
                    assert_eq!(expect("{"), "{", "block {name}");
                    let mut fields = Vec::new();
                    loop {
                        match expect("a field").as_str() {
                            "}" => break,
                            "padding" => {
                                fields.push((String::new(), integer(&expect("a width")) as u32));
                            }
                            "field" | "field_high" => {
                                let field = expect("a field's name");
                                fields.push((field, integer(&expect("a width")) as u32));
                            }
                            other => panic!("unknown item {other} in block {name}"),
                        }
                    }
                    let width = fields.iter().map(|field| field.1).sum();
                    let mut offset = width;
                    let fields = fields
                        .into_iter()
                        .map(|(name, width)| {
                            offset -= width;
                            Field {
                                name,
                                width,
                                offset,
                            }
                        })
                        .filter(|field| !field.name.is_empty())
                        .collect();
                    self.blocks.push(Block {
                        name,
                        width,
                        fields,
                    });
                }
                "tagged_union" => {
                    let name = expect("a union's name");
                    let tag_field = expect("a tag field");
                    assert_eq!(expect("{"), "{", "union {name}");
                    let mut tags = Vec::new();
                    loop {
                        match expect("a tag").as_str() {
                            "}" => break,
                            "tag" => {
                                let block = expect("a block's name");
                                tags.push((block, integer(&expect("a tag's value"))));
                            }
                            other => panic!("unknown item {other} in union {name}"),
                        }
                    }
                    self.unions.push(TaggedUnion {
                        name,
                        tag_field,
                        tags,
                    });
                }
                other => panic!("unknown item {other} in a bit-field file"),
            }
        }
    }

    /// The block of a name.
    pub fn block(&self, name: &str) -> &Block {
        self.blocks
            .iter()
            .find(|block| block.name == name)
            .unwrap_or_else(|| panic!("no block {name} in the bit-field files"))
    }
}

fn integer(text: &str) -> u64 {
    text.parse()
        .unwrap_or_else(|_| panic!("{text} is no integer"))
}
