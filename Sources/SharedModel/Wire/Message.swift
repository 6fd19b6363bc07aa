/// What a worker says to its coordinator.
///
/// Each case is one frame; control payloads are JSON objects with the keys of the structs below, a chunk is raw bytes.
/// `docs/protocol.md` is the written form of this file.
package enum WorkerMessage: Equatable, Sendable {
    case hello(Hello)
    case claim(Claim)
    case beat(Beat)
    case offer(Offer)
    case chunk([UInt8])
    case fail(Fail)
    case release(Release)
    /// Nothing follows: what is still leased goes back without blame.
    case bye
    /// Asks how the sweep stands, instead of a hello; needs the secret but joins nothing.
    case inquire(Inquire)
    case want(Want)
    case fetch(Fetch)
    case preview(Preview)
}

/// What a coordinator says to a worker.
package enum CoordinatorMessage: Equatable, Sendable {
    case welcome(Welcome)
    case refused(Refused)
    case grant(Grant)
    case idle(Idle)
    case beatReply(BeatReply)
    case send(Send)
    case ack(Ack)
    case drain(Drain)
    case report(SweepStatus)
    case model(ModelOffer)
    case piece([UInt8])
}
