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
    case bye
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
}

/// The first frame of a worker: who it is and the secret of the join token.
package struct Hello: Codable, Equatable, Sendable {
    /// Version of the protocol that the worker speaks, ``WireLimits/protocolVersion``.
    package var version: Int
    /// The secret of the join token, base64url. Never logged.
    package var secret: String
    /// The name that people see; chosen by the worker, made unique by the coordinator's answer.
    package var name: String
    /// A random id, 32 hexadecimal digits, kept in the worker's spool directory: the same worker after a restart.
    package var identity: String
    /// What renders: `cpu (AVX-512, 2 threads)`.
    package var device: String
    /// The worker's version of tmdne.
    package var program: String
    /// Leases that the worker still holds after a lost connection.
    package var leases: [LeaseID]

    package init(
        version: Int, secret: String, name: String, identity: String, device: String, program: String, leases: [LeaseID]
    ) {
        self.version = version
        self.secret = secret
        self.name = name
        self.identity = identity
        self.device = device
        self.program = program
        self.leases = leases
    }
}

/// Asks for one shard. Answered by a grant, by idle, or by drain.
package struct Claim: Codable, Equatable, Sendable {
    package init() {}
}

/// A sign of life, with the progress of the running lease.
package struct Beat: Codable, Equatable, Sendable {
    package var lease: LeaseID?
    package var cell: CellKey?
    /// Steps of the current cells that are done, and of how many.
    package var step: Int
    package var steps: Int

    package init(lease: LeaseID?, cell: CellKey?, step: Int, steps: Int) {
        self.lease = lease
        self.cell = cell
        self.step = step
        self.steps = steps
    }
}

/// Offers a finished image. Answered by send (then chunks, then ack) or at once by ack.
package struct Offer: Codable, Equatable, Sendable {
    package var lease: LeaseID
    package var cell: CellKey
    /// SHA-256 of the PNG file, 64 lower-case hexadecimal digits.
    package var sha256: String
    /// Length of the PNG file.
    package var bytes: Int
    package var timings: Timings

    package init(lease: LeaseID, cell: CellKey, sha256: String, bytes: Int, timings: Timings) {
        self.lease = lease
        self.cell = cell
        self.sha256 = sha256
        self.bytes = bytes
        self.timings = timings
    }
}

/// A cell of a lease could not be rendered; the rest of the lease goes on.
package struct Fail: Codable, Equatable, Sendable {
    package var lease: LeaseID
    package var cell: CellKey
    /// One sentence for people.
    package var reason: String

    package init(lease: LeaseID, cell: CellKey, reason: String) {
        self.lease = lease
        self.cell = cell
        self.reason = reason
    }
}

/// Gives back what is undone of a lease, without blame.
package struct Release: Codable, Equatable, Sendable {
    package var lease: LeaseID

    package init(lease: LeaseID) {
        self.lease = lease
    }
}

/// The answer to a hello that is let in.
package struct Welcome: Codable, Equatable, Sendable {
    package var version: Int
    package var program: String
    /// The sweep's name.
    package var sweep: String
    /// The worker's name as the coordinator shows it.
    package var name: String
    /// A beat is due this often.
    package var heartbeatSeconds: Double
    /// The leases of the hello that are still the worker's; the others are lost.
    package var leases: [LeaseID]

    package init(
        version: Int, program: String, sweep: String, name: String, heartbeatSeconds: Double, leases: [LeaseID]
    ) {
        self.version = version
        self.program = program
        self.sweep = sweep
        self.name = name
        self.heartbeatSeconds = heartbeatSeconds
        self.leases = leases
    }
}

/// The answer to a hello that is not let in; the connection closes after it.
package struct Refused: Codable, Equatable, Sendable {
    package var reason: String
    /// Whether trying again is useless (wrong token, wrong version): the worker then exits with code 78.
    package var isFinal: Bool

    package init(reason: String, isFinal: Bool) {
        self.reason = reason
        self.isFinal = isFinal
    }
}

/// A lease of one shard's undone cells.
package struct Grant: Codable, Equatable, Sendable {
    package var lease: LeaseID
    package var shard: Int
    /// The model's name as the sweep file has it; its content is named by the cells' fingerprint.
    package var model: String
    package var cells: [GrantedCell]

    package init(lease: LeaseID, shard: Int, model: String, cells: [GrantedCell]) {
        self.lease = lease
        self.shard = shard
        self.model = model
        self.cells = cells
    }
}

/// One cell to render, with what its metadata tells people.
package struct GrantedCell: Codable, Equatable, Sendable {
    package var key: CellKey
    package var cell: Cell
    /// The first position that shows the cell.
    package var position: Int
    /// The prompt before the style was applied.
    package var rawPrompt: String
    package var rawNegativePrompt: String
    package var style: String

    package init(
        key: CellKey, cell: Cell, position: Int, rawPrompt: String, rawNegativePrompt: String, style: String
    ) {
        self.key = key
        self.cell = cell
        self.position = position
        self.rawPrompt = rawPrompt
        self.rawNegativePrompt = rawNegativePrompt
        self.style = style
    }
}

/// No shard for now: why, and when to ask again. A worker also stays when the sweep is done; drain ends it.
package struct Idle: Codable, Equatable, Sendable {
    package var reason: String
    package var retrySeconds: Double

    package init(reason: String, retrySeconds: Double) {
        self.reason = reason
        self.retrySeconds = retrySeconds
    }
}

/// The answer to a beat.
package struct BeatReply: Codable, Equatable, Sendable {
    /// Leases that are no longer the worker's: stop rendering them. Images already finished may still be offered.
    package var lost: [LeaseID]

    package init(lost: [LeaseID]) {
        self.lost = lost
    }
}

/// The coordinator wants the offered image: stream its chunks now.
package struct Send: Codable, Equatable, Sendable {
    package var cell: CellKey

    package init(cell: CellKey) {
        self.cell = cell
    }
}

/// The fate of an offered image. After `stored` or `duplicate` the worker deletes its copy: an ACK is a promise.
package struct Ack: Codable, Equatable, Sendable {
    package enum Outcome: String, Codable, Sendable {
        /// Verified, on disk, committed.
        case stored
        /// The cell already has its image.
        case duplicate
        /// Not an image of this cell, or not this worker's to give; the reason says which. Throw it away.
        case refused
        /// Nothing is wrong with it, but it cannot be taken now (disk full, shutting down): keep it and offer it again.
        case later
    }

    package var cell: CellKey
    package var outcome: Outcome
    package var reason: String

    package init(cell: CellKey, outcome: Outcome, reason: String) {
        self.cell = cell
        self.outcome = outcome
        self.reason = reason
    }
}

/// Nothing more will be granted: finish, upload, say bye and end.
package struct Drain: Codable, Equatable, Sendable {
    package var reason: String

    package init(reason: String) {
        self.reason = reason
    }
}
