//! A user's session (`login.defs`).

use crate::interface;
use crate::types::TimeValue;

/// Operations on a login.
#[interface(base = 36000, name = "login")]
pub trait Login {
    /// Shows a message.
    #[routine(0)]
    fn login_message_user(message: Bytes);
    /// Where the user is.
    #[routine(1)]
    fn login_get_location(location: Out<Bytes>);
    /// How long the user did nothing.
    #[routine(2)]
    fn login_get_idle_time(idletime: Out<TimeValue>);
    /// The input devices.
    #[routine(3)]
    fn login_get_input_devices(devices: Out<Bytes>);
    /// The login collection.
    #[routine(4)]
    fn login_get_login_collection(id: Out<i32>);
}
