/// The type byte of what a worker sends.
package enum WorkerFrameType: UInt8, CaseIterable, Sendable {
    case hello = 0x01
    case claim = 0x02
    case beat = 0x03
    case offer = 0x04
    case chunk = 0x05
    case fail = 0x06
    case release = 0x07
    case bye = 0x08
    case inquire = 0x09
    case want = 0x0a
    case fetch = 0x0b
    case preview = 0x0c
}

/// The type byte of what a coordinator sends.
package enum CoordinatorFrameType: UInt8, CaseIterable, Sendable {
    case welcome = 0x81
    case refused = 0x82
    case grant = 0x83
    case idle = 0x84
    case beatReply = 0x85
    case send = 0x86
    case ack = 0x87
    case drain = 0x88
    case report = 0x89
    case model = 0x8a
    case piece = 0x8b
}
