//! The graph of rights as JSON.
//!
//! An object of three lists. A port, a task, a thread and an account are numbers, the same wherever
//! they are named; what is not there is `null`:
//!
//! - `tasks`: `task`, `pid`, `command`, `name` (what somebody called it), `account`, `threads`
//!   (`thread`, `name`, and `calls`: the port that it waits for), `rights` (`name`, `port`, `kinds`,
//!   `references`);
//! - `ports`: `port`, `receiver` (`kind` and `number`), `name`, `set`, `queued`, `limit`, `send`,
//!   `send-once`, `rights` (those in its messages: `kinds`, `port`);
//! - `accounts`: `account`, `parent`, and `limit` and `used` of `memory`, `objects`, `rights`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use posix::graph::{Account, Graph, Kinds, Port, Task};

/// Writes a graph piece by piece.
pub fn graph(graph: &Graph, mut put: impl FnMut(&str)) {
    put("{\"tasks\":");
    list(&graph.tasks, &mut put, task);
    put(",\n\"ports\":");
    list(&graph.ports, &mut put, port);
    put(",\n\"accounts\":");
    list(&graph.accounts, &mut put, account);
    put("}");
}

fn list<T>(of: &[T], put: &mut impl FnMut(&str), write: fn(&T) -> String) {
    put("[");
    for (place, one) in of.iter().enumerate() {
        put(if place == 0 { "\n" } else { ",\n" });
        put(&write(one));
    }
    put("]");
}

fn task(task: &Task) -> String {
    let threads = task.threads.iter();
    let threads = threads.map(|one| {
        let (thread, name, calls) = (one.thread, called(&one.name), maybe(one.calls));
        format!("{{\"thread\":{thread},\"name\":{name},\"calls\":{calls}}}")
    });
    let rights = task.rights.iter().map(|right| {
        format!(
            "{{\"name\":{},\"port\":{},\"kinds\":{},\"references\":{}}}",
            right.name,
            maybe(right.port),
            kinds(right.kinds),
            right.references
        )
    });
    format!(
        "{{\"task\":{},\"pid\":{},\"command\":{},\"name\":{},\"account\":{},\"threads\":{},\"rights\":{}}}",
        task.task,
        maybe(task.pid),
        string(&task.args.join(&b' ')),
        called(&task.name),
        task.account,
        array(threads),
        array(rights)
    )
}

fn port(port: &Port) -> String {
    let rights = port.rights.iter().map(|(held, to)| {
        format!("{{\"kinds\":{},\"port\":{to}}}", kinds(*held))
    });
    let present = |name: u32| maybe((name != 0).then_some(name));
    format!(
        "{{\"port\":{},\"receiver\":{{\"kind\":\"{}\",\"number\":{}}},\"name\":{},\"set\":{},\"queued\":{},\
         \"limit\":{},\"send\":{},\"send-once\":{},\"rights\":{}}}",
        port.port,
        port.receiver.0,
        port.receiver.1,
        present(port.name),
        present(port.set),
        port.queued.0,
        port.queued.1,
        port.send,
        port.send_once,
        array(rights)
    )
}

fn account(account: &Account) -> String {
    let mut text = format!("{{\"account\":{},\"parent\":{}", account.account, maybe(account.parent));
    for (name, (limit, used)) in ["memory", "objects", "rights"].into_iter().zip(account.amounts) {
        let limit = maybe((limit != u64::MAX).then_some(limit));
        text += &format!(",\"{name}\":{{\"limit\":{limit},\"used\":{used}}}");
    }
    text + "}"
}

fn kinds(kinds: Kinds) -> String {
    array(kinds.names().map(|name| string(name.as_bytes())))
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn maybe(number: Option<impl ToString>) -> String {
    number.map_or("null".into(), |number| number.to_string())
}

/// A name that was given, or not.
fn called(name: &[u8]) -> String {
    maybe((!name.is_empty()).then(|| string(name)))
}

fn string(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for letter in String::from_utf8_lossy(bytes).chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            // No argument can be taken for a mark on the console (docs/TESTING.md).
            ' '.. if letter != '<' => text.push(letter),
            _ => text += &format!("\\u{:04x}", letter as u32),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use posix::graph::{Right, Thread};

    #[test]
    fn strings_are_escaped() {
        assert_eq!(string(b"a<\"b\"\\\n\xff"), "\"a\\u003c\\\"b\\\"\\\\\\u000a\u{fffd}\"");
    }

    #[test]
    fn what_is_absent_is_null() {
        let kinds = Kinds { receive: true, send: true, ..Kinds::default() };
        let graph_of = Graph {
            tasks: alloc::vec![Task {
                task: 7,
                name: b"<7".to_vec(),
                threads: alloc::vec![Thread { thread: 8, name: Vec::new(), calls: Some(5) }],
                rights: alloc::vec![Right { name: 16, port: Some(5), kinds, references: 2 }],
                ..Task::default()
            }],
            ports: alloc::vec![Port { receiver: ("task", 7), rights: alloc::vec![(kinds, 3)], ..Port::default() }],
            accounts: alloc::vec![Account { amounts: [(u64::MAX, 1), (2, 3), (4, 5)], ..Account::default() }],
        };
        let mut text = String::new();
        graph(&graph_of, |piece| text += piece);
        let expected = r#"{"tasks":[
{"task":7,"pid":null,"command":"","name":"\u003c7","account":0,"threads":[{"thread":8,"name":null,"calls":5}],"rights":[{"name":16,"port":5,"kinds":["receive","send"],"references":2}]}],
"ports":[
{"port":0,"receiver":{"kind":"task","number":7},"name":null,"set":null,"queued":0,"limit":0,"send":0,"send-once":0,"rights":[{"kinds":["receive","send"],"port":3}]}],
"accounts":[
{"account":0,"parent":null,"memory":{"limit":null,"used":1},"objects":{"limit":2,"used":3},"rights":{"limit":4,"used":5}}]}"#;
        assert_eq!(text, expected);
    }
}
