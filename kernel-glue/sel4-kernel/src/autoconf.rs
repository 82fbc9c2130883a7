//! The kernel's configuration: `autoconf.h`.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

/// Value of an option.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(untagged)]
pub enum Value {
    /// A switch. One that is off is not defined at all.
    Bool(bool),
    /// A number.
    Number(u64),
}

/// Options by name, without their prefix `CONFIG_`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub struct Configuration(BTreeMap<String, Value>);

impl Configuration {
    /// What every board has.
    pub(crate) fn common(debug: bool) -> Configuration {
        let mut configuration = Configuration::default();
        let on = Value::Bool(true);
        for (name, value) in [
            ("FASTPATH", on.clone()),
            ("HAVE_FPU", on.clone()),
            // After so many kernel exits without use, a thread's FPU registers are put away.
            ("FPU_MAX_RESTORES_SINCE_SWITCH", Value::Number(64)),
            ("KERNEL_MASTER", on.clone()),
            ("KERNEL_STACK_BITS", Value::Number(12)),
            // The kernel fills one root CNode slot for each page of the root task's image: 64 MiB
            // take 16384, so the next power of two.
            ("ROOT_CNODE_SIZE_BITS", Value::Number(15)),
            ("MAX_NUM_BOOTINFO_UNTYPED_CAPS", Value::Number(167)),
            ("MAX_NUM_NODES", Value::Number(1)),
            ("MAX_NUM_WORK_UNITS_PER_PREEMPTION", Value::Number(100)),
            ("NUM_DOMAINS", Value::Number(1)),
            ("NUM_PRIORITIES", Value::Number(256)),
            ("RETYPE_FAN_OUT_LIMIT", Value::Number(256)),
            // A thread runs for 10 ms before its equals get their turn.
            ("TIMER_TICK_MS", Value::Number(5)),
            ("TIME_SLICE", Value::Number(2)),
            ("WORD_SIZE", Value::Number(64)),
        ] {
            configuration.set(name, value);
        }
        if debug {
            configuration.set("DEBUG_BUILD", on.clone());
            configuration.set("PRINTING", on.clone());
            configuration.set("IRQ_REPORTING", on);
            // Words of a faulting thread's stack that the kernel prints.
            configuration.set("USER_STACK_TRACE_LENGTH", Value::Number(16));
        }
        configuration
    }

    /// Sets one option.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// Sets all options of `other`.
    pub(crate) fn extend(&mut self, other: Configuration) {
        self.0.extend(other.0);
    }

    /// An option's value, `None` if it is not set.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The text of `autoconf.h`.
    pub fn header(&self) -> String {
        let mut text = String::from("#ifndef AUTOCONF_INCLUDED\n#define AUTOCONF_INCLUDED\n");
        for (name, value) in &self.0 {
            let value = match value {
                Value::Bool(false) => continue,
                Value::Bool(true) => 1,
                Value::Number(number) => *number,
            };
            writeln!(text, "#define CONFIG_{name} {value}").expect("a String takes all text");
        }
        text.push_str("#endif\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_is_off_is_not_defined() {
        let mut configuration = Configuration::default();
        configuration.set("FASTPATH", Value::Bool(false));
        configuration.set("PRINTING", Value::Bool(true));
        configuration.set("TIME_SLICE", Value::Number(2));
        assert_eq!(
            configuration.header(),
            "#ifndef AUTOCONF_INCLUDED\n#define AUTOCONF_INCLUDED\n\
             #define CONFIG_PRINTING 1\n#define CONFIG_TIME_SLICE 2\n#endif\n"
        );
    }

    #[test]
    fn only_a_debug_kernel_prints() {
        assert_eq!(Configuration::common(false).get("PRINTING"), None);
        assert_eq!(
            Configuration::common(true).get("PRINTING"),
            Some(&Value::Bool(true))
        );
    }
}
