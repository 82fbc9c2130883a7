use core::time::Duration;

use sdio_host::common_cmd::{Cmd, Resp, ResponseLen};

/// How the driver knows the time, and waits.
pub trait Time {
    /// The time since some moment.
    fn now(&self) -> Duration;
    /// Waits for the controller's next interrupt, or so long.
    fn pause(&self, most: Duration);
}

/// Why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No answer, or not all of it, in time.
    Timeout,
    /// A checksum on the line was wrong.
    Checksum,
    /// The controller lost data, or its state is not what it should be.
    Controller,
    /// The card refused: the bits of its status that say why.
    Refused(u32),
    /// It is another card than it was, or one that cannot be driven.
    Unusable,
}

/// What a command carries beside its answer: whole blocks of 512 bytes, or less than one.
#[derive(Debug)]
pub enum Data<'d> {
    /// Nothing.
    None,
    /// The card sends.
    Read(&'d mut [u8]),
    /// The card receives.
    Write(&'d [u8]),
}

/// What drives the lines to the card.
pub trait Controller {
    /// Starts the card's power and clock anew, at the speed that all cards can follow.
    fn reset(&mut self) -> Result<(), Failure>;

    /// The clock for transfers, and the width of the bus: four bits or one.
    fn set_bus(&mut self, wide: bool);

    /// Carries out a command. `length` is that of the answer, of which the lowest word comes first;
    /// `busy` says that the card may be busy behind it.
    fn command(
        &mut self,
        number: u8,
        argument: u32,
        length: ResponseLen,
        busy: bool,
        data: Data<'_>,
    ) -> Result<[u32; 4], Failure>;

    /// The same for a command without data.
    fn send<R: Resp>(&mut self, command: Cmd<R>, busy: bool) -> Result<[u32; 4], Failure> {
        let length = command.response_len();
        self.command(command.cmd, command.arg, length, busy, Data::None)
    }

    /// Waits so long.
    fn wait(&self, time: Duration);

    /// The time since some moment.
    fn now(&self) -> Duration;
}
