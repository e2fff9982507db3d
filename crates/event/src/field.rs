//! The fields of an event, under the numbers and names that never change.

macro_rules! fields {
    ($($(#[$meta:meta])* $variant:ident = $id:literal, $name:literal;)+) => {
        /// One field of the event. The number stands in the journal's chain, the name is the column's.
        ///
        /// A number is never given again; a new field takes the next one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field {
            $($(#[$meta])* $variant,)+
        }

        impl Field {
            /// Every field, in the order of the columns.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable number that the chain is computed over.
            #[must_use]
            pub const fn id(self) -> u8 {
                match self { $(Self::$variant => $id,)+ }
            }

            /// The field of a number.
            #[must_use]
            pub const fn of_id(id: u8) -> Option<Self> {
                match id { $($id => Some(Self::$variant),)+ _ => None }
            }

            /// The column's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

fields! {
    /// See [`Event::sequence`](crate::Event::sequence); the others likewise.
    Sequence = 1, "sequence";
    /// UTC nanoseconds.
    Time = 2, "time";
    /// True where synchronised.
    Clock = 3, "clock";
    /// The kind's stable name.
    Kind = 4, "kind";
    /// The guard's asset.
    Guard = 5, "guard";
    /// The conduit.
    Conduit = 6, "conduit";
    /// The session.
    Session = 7, "session";
    /// The client's asset.
    Client = 8, "client";
    /// Text form.
    ClientAddress = 9, "client_address";
    /// The client's port.
    ClientPort = 10, "client_port";
    /// How the client was identified.
    Identity = 11, "identity";
    /// The certificate's role.
    Role = 12, "role";
    /// The server's asset.
    Server = 13, "server";
    /// Text form.
    ServerAddress = 14, "server_address";
    /// MBAP unit id.
    UnitId = 15, "unit_id";
    /// The client's own.
    TransactionId = 16, "transaction_id";
    /// Of the request.
    FunctionCode = 17, "function_code";
    /// Sub-function, MEI type or UMAS function.
    SubFunction = 18, "sub_function";
    /// First address.
    Address = 19, "address";
    /// Quantity there.
    Quantity = 20, "quantity";
    /// For code 23.
    WriteAddress = 21, "write_address";
    /// For code 23.
    WriteQuantity = 22, "write_quantity";
    /// Written.
    Values = 23, "values";
    /// Read.
    ResponseValues = 24, "response_values";
    /// Known before.
    PreviousValues = 25, "previous_values";
    /// When they were known.
    PreviousTime = 26, "previous_time";
    /// `permit` or `deny`.
    Verdict = 27, "verdict";
    /// The deciding rule.
    Rule = 28, "rule";
    /// The deciding policy's digest.
    Policy = 29, "policy";
    /// The grant.
    Grant = 30, "grant";
    /// Why.
    Reason = 31, "reason";
    /// Answered or received.
    ExceptionCode = 32, "exception_code";
    /// Microseconds.
    LatencyUs = 33, "latency_us";
    /// The request's row.
    RequestSequence = 34, "request_sequence";
    /// Raw PDU.
    Pdu = 35, "pdu";
    /// How many events a summary stands for.
    Count = 36, "count";
}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn numbers_rise_from_one_without_a_hole() {
        let numbers: Vec<u8> = Field::ALL.iter().map(|field| field.id()).collect();

        assert_eq!(numbers, (1..=36).collect::<Vec<u8>>());
    }
}
