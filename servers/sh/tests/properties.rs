//! Properties of the parser and the expander that hold for any input.

#![cfg(not(target_os = "none"))]

use proptest::prelude::*;
use sh::ast::{List, Word};
use sh::expand::{self, Context};
use sh::parser::{self, Parser};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Text that is made of pieces of the language, so that much of it parses.
fn script() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("echo a "),
        Just("x=1 "),
        Just("$x "),
        Just("\"$@\" "),
        Just("'q' "),
        Just("\\\n"),
        Just("\n"),
        Just("; "),
        Just("& "),
        Just("&& "),
        Just("|| "),
        Just("| "),
        Just("! "),
        Just("( "),
        Just(") "),
        Just("{ "),
        Just("} "),
        Just("if "),
        Just("then "),
        Just("elif "),
        Just("else "),
        Just("fi "),
        Just("for i "),
        Just("in "),
        Just("do "),
        Just("done "),
        Just("while "),
        Just("until "),
        Just("case x in "),
        Just("a) "),
        Just(";; "),
        Just(";& "),
        Just("esac "),
        Just("f() "),
        Just("$( "),
        Just("`"),
        Just("\""),
        Just("'"),
        Just("${x"),
        Just(":-"),
        Just("##"),
        Just("%"),
        Just("}"),
        Just("$(("),
        Just("))"),
        Just("1+2"),
        Just("<<E\n"),
        Just("E\n"),
        Just("<<-'F' "),
        Just("F\n"),
        Just(">f "),
        Just("2>&1 "),
        Just("3<&- "),
        Just("~/a "),
        Just("*.c "),
        Just("[a-z] "),
        Just("# c\n"),
        Just("\\"),
        Just("$"),
        Just("{"),
        Just("word"),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

#[derive(Default)]
struct Fake {
    variables: BTreeMap<Vec<u8>, Vec<u8>>,
    positional: Vec<Vec<u8>>,
}

impl Context for Fake {
    fn parameter(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        self.variables.get(name).cloned()
    }
    fn positional(&self) -> Vec<Vec<u8>> {
        self.positional.clone()
    }
    fn assign(&mut self, name: &[u8], value: Vec<u8>) -> Result<(), Vec<u8>> {
        self.variables.insert(name.to_vec(), value);
        Ok(())
    }
    fn substitute(&mut self, _: &Rc<List>) -> expand::Result<Vec<u8>> {
        Ok(b"out put\n".to_vec())
    }
    fn unset_is_error(&self) -> bool {
        false
    }
    fn globs(&self) -> bool {
        false
    }
    fn home_of(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// The words of all simple commands at the top of a list.
fn words(list: &List) -> Vec<Word> {
    let mut words = Vec::new();
    for item in &list.items {
        for command in &item.and_or.first.commands {
            if let sh::ast::Command::Simple(simple) = command {
                words.extend(simple.words.iter().cloned());
            }
        }
    }
    words
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_parsed_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), more: bool) {
        let mut parser = Parser::new(&bytes, more);
        while let Ok(Some(_)) = parser.next_line() {}
    }

    #[test]
    fn any_script_is_parsed_without_a_panic(text in script(), more: bool) {
        let mut parser = Parser::new(text.as_bytes(), more);
        while let Ok(Some(_)) = parser.next_line() {}
    }

    #[test]
    fn what_is_written_back_parses_to_the_same(text in script()) {
        if let Ok(list) = parser::parse(text.as_bytes()) {
            let written = sh::unparse::list(&list);
            let again = parser::parse(&written);
            prop_assert_eq!(again.as_ref(), Ok(&list), "{}", String::from_utf8_lossy(&written));
        }
    }

    #[test]
    fn a_text_that_lacks_its_end_is_incomplete_and_no_error(text in script()) {
        // Cutting a good text anywhere in its only line never makes it wrong.
        if let Ok(list) = parser::parse(text.as_bytes()) && list.items.len() == 1 {
            for end in 0..text.len() {
                let result = Parser::new(&text.as_bytes()[..end], true).next_line();
                let at_end = matches!(&result, Err(parser::Error::Syntax { message, .. })
                    if message.ends_with(b"end of file"));
                prop_assert!(!at_end);
            }
        }
    }

    #[test]
    fn any_words_expand_without_a_panic(text in script(), x in ".{0,12}", ifs in "[ :x\t]{0,3}", args in prop::collection::vec("[a :]{0,4}", 0..3)) {
        let mut context = Fake { positional: args.into_iter().map(String::into_bytes).collect(), ..Fake::default() };
        context.variables.insert(b"x".to_vec(), x.into_bytes());
        context.variables.insert(b"IFS".to_vec(), ifs.into_bytes());
        if let Ok(list) = parser::parse(text.as_bytes()) {
            let words = words(&list);
            let _ = expand::words(&words, &mut context);
            for word in &words {
                let _ = expand::text(word, &mut context);
                let _ = expand::assigned(word, &mut context);
                let _ = expand::pattern(word, &mut context);
            }
        }
    }

    #[test]
    fn quoted_text_stands_for_itself(bytes in prop::collection::vec(1u8.., 0..40)) {
        let mut line = b"echo ".to_vec();
        line.extend(sh::unparse::quote(&bytes));
        let list = parser::parse(&line).expect("quoted text parses");
        let fields = expand::words(&words(&list), &mut Fake::default()).expect("it expands");
        prop_assert_eq!(fields, vec![b"echo".to_vec(), bytes]);
    }

    #[test]
    fn any_expression_is_evaluated_without_a_panic(text in "[-+*/%<>=!&|^~?:()0-9xa ]{0,30}") {
        struct None;
        impl sh::arithmetic::Variables for None {
            fn value(&mut self, _: &[u8]) -> Option<Vec<u8>> { Option::None }
            fn set(&mut self, _: &[u8], _: i64) -> Result<(), Vec<u8>> { Ok(()) }
        }
        let _ = sh::arithmetic::evaluate(text.as_bytes(), &mut None);
    }

    #[test]
    fn any_pattern_is_matched_without_a_panic(pattern in r"[\]a*?!^:\\\[-]{0,12}", text in r"[\]a:-]{0,8}") {
        let pattern = utils::pattern::Pattern::new(pattern.as_bytes());
        let _ = pattern.matches(text.as_bytes());
        let _ = pattern.match_prefix(text.as_bytes(), true);
        let _ = pattern.match_suffix(text.as_bytes(), false);
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for piece in [
        "(", "$(", "${x-", "\"${x-", "{ ", "if ", "$((", "`", "! ", "f() ",
    ] {
        let text = format!("echo {}", piece.repeat(20_000));
        let mut parser = Parser::new(text.as_bytes(), false);
        while let Ok(Some(_)) = parser.next_line() {}
        let text = piece.repeat(20_000);
        let mut parser = Parser::new(text.as_bytes(), false);
        while let Ok(Some(_)) = parser.next_line() {}
    }
}
