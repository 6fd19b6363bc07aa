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
    /// What it can render; `nil`: not known, it may be granted everything.
    package var able: Ability?
    /// A random id of the worker's process, 32 hexadecimal digits: whoever comes back with it has not died. `nil`: not told.
    package var life: String?

    package init(
        version: Int, secret: String, name: String, identity: String, device: String, program: String,
        leases: [LeaseID], able: Ability? = nil, life: String? = nil
    ) {
        self.version = version
        self.secret = secret
        self.name = name
        self.identity = identity
        self.device = device
        self.program = program
        self.leases = leases
        self.able = able
        self.life = life
    }
}

/// Asks for a report of the sweep; the first and only frame of a connection that does not render.
package struct Inquire: Codable, Equatable, Sendable {
    package var version: Int
    /// The secret of the join token, base64url. Never logged.
    package var secret: String

    package init(version: Int, secret: String) {
        self.version = version
        self.secret = secret
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

    /// Makes `reason` fit for one line of ``WireLimits/reasonBytes``.
    package init(lease: LeaseID, cell: CellKey, reason: String) {
        self.lease = lease
        self.cell = cell
        self.reason = WireText.line(reason)
    }
}

/// Gives back what is undone of a lease, without blame.
package struct Release: Codable, Equatable, Sendable {
    package var lease: LeaseID
    /// Why this worker can't render the lease's model at all, one sentence: it is granted no more of that model before
    /// its next hello. `nil`: nothing is wrong.
    package var unable: String?

    /// Makes `unable` fit for one line of ``WireLimits/reasonBytes``.
    package init(lease: LeaseID, unable: String? = nil) {
        self.lease = lease
        self.unable = unable.map { WireText.line($0) }
    }
}

/// Asks for the list of a model's files. Answered by a model.
package struct Want: Codable, Equatable, Sendable {
    /// The model's fingerprint, 64 lower-case hexadecimal digits.
    package var fingerprint: String

    package init(fingerprint: String) {
        self.fingerprint = fingerprint
    }
}

/// Asks for a piece of a file of a model that was listed on this connection. Answered by a piece, or by a model that says
/// why not.
package struct Fetch: Codable, Equatable, Sendable {
    package var fingerprint: String
    /// Which file, by its content.
    package var sha256: String
    /// Where the piece begins, in bytes.
    package var offset: Int

    package init(fingerprint: String, sha256: String, offset: Int) {
        self.fingerprint = fingerprint
        self.sha256 = sha256
        self.offset = offset
    }
}

/// Keeps a secret out of every log and failure message.
extension Hello: CustomStringConvertible, CustomReflectable {
    package var description: String { "hello of \(name) (\(identity)), version \(version)" }
    package var customMirror: Mirror { Mirror(self, children: ["name": name, "identity": identity]) }
}

/// Keeps a secret out of every log and failure message.
extension Inquire: CustomStringConvertible, CustomReflectable {
    package var description: String { "inquire, version \(version)" }
    package var customMirror: Mirror { Mirror(self, children: ["version": version]) }
}
