//! Prints every routine as a table in Markdown: `cargo run -p interface --example table`.

use machuser::table::{Argument, Direction};

fn list(arguments: impl Iterator<Item = &'static Argument>) -> String {
    let show = |argument: &Argument| {
        let both = if argument.direction == Direction::InOut { "*" } else { "" };
        format!("{}: {}{both}", argument.name, argument.type_name)
    };
    arguments.map(show).collect::<Vec<_>>().join(", ")
}

fn main() {
    for interface in interface::ALL {
        println!("## {} ({})\n", interface.name, interface.base);
        println!("| number | routine | in | out |\n|---|---|---|---|");
        for routine in interface.routines {
            let name = routine.name;
            let one_way = if routine.one_way { " (one-way)" } else { "" };
            let (ins, outs) = (list(routine.inputs()), list(routine.outputs()));
            println!("| {} | `{name}`{one_way} | {ins} | {outs} |", routine.number);
        }
        println!();
    }
}
