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
        self.reason = WireText.line(reason)
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
    /// What to make previews with, if they are wanted.
    package var preview: PreviewFile?

    package init(
        lease: LeaseID, shard: Int, model: String, cells: [GrantedCell], preview: PreviewFile? = nil
    ) {
        self.lease = lease
        self.shard = shard
        self.model = model
        self.cells = cells
        self.preview = preview
    }
}

/// One cell to render, with what its metadata tells people.
package struct GrantedCell: Equatable, Sendable {
    package var key: CellKey
    package var cell: Cell
    /// The first position that shows the cell.
    package var position: Int
    /// The prompt before the style was applied.
    package var rawPrompt: String
    package var rawNegativePrompt: String
    package var style: String
    /// What the sweep calls the LoRAs and the VAE that ``Cell/options`` names by their content, by fingerprint.
    package var files: [String: String]

    package init(
        key: CellKey, cell: Cell, position: Int, rawPrompt: String, rawNegativePrompt: String, style: String,
        files: [String: String] = [:]
    ) {
        self.key = key
        self.cell = cell
        self.position = position
        self.rawPrompt = rawPrompt
        self.rawNegativePrompt = rawNegativePrompt
        self.style = style
        self.files = files
    }
}

extension GrantedCell {
    /// Upper bound of the bytes that ``files`` take as JSON.
    package static func wireBytes(ofFiles files: [String: String]) -> Int {
        // A control character takes six bytes as JSON; the fingerprint and the signs around both take less than 80.
        files.values.reduce(0) { $0 + 6 * $1.utf8.count + 80 }
    }
}

extension GrantedCell: Codable {
    private enum CodingKeys: String, CodingKey {
        case cell, files, key, position, rawNegativePrompt, rawPrompt, style
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        key = try container.decode(CellKey.self, forKey: .key)
        cell = try container.decode(Cell.self, forKey: .cell)
        position = try container.decode(Int.self, forKey: .position)
        rawPrompt = try container.decode(String.self, forKey: .rawPrompt)
        rawNegativePrompt = try container.decode(String.self, forKey: .rawNegativePrompt)
        style = try container.decode(String.self, forKey: .style)
        files = try container.decodeIfPresent([String: String].self, forKey: .files) ?? [:]
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(key, forKey: .key)
        try container.encode(cell, forKey: .cell)
        try container.encode(position, forKey: .position)
        try container.encode(rawPrompt, forKey: .rawPrompt)
        try container.encode(rawNegativePrompt, forKey: .rawNegativePrompt)
        try container.encode(style, forKey: .style)
        if !files.isEmpty { try container.encode(files, forKey: .files) }
    }
}

/// No shard for now: why, and when to ask again. A worker also stays when the sweep is done; drain ends it.
package struct Idle: Codable, Equatable, Sendable {
    package var reason: String
    package var retrySeconds: Double

    package init(reason: String, retrySeconds: Double) {
        self.reason = WireText.line(reason)
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
    /// How many bytes of the image are there already, from an upload that was cut; the chunks begin after them.
    package var offset: Int

    package init(cell: CellKey, offset: Int = 0) {
        self.cell = cell
        self.offset = offset
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
        self.reason = WireText.line(reason)
    }
}

/// What a wanted model consists of, or why it can't be had.
package struct ModelOffer: Codable, Equatable, Sendable {
    /// One file of a model.
    package struct File: Codable, Equatable, Sendable {
        /// Its name in the model's folder, as the fingerprint has it; a name to be understood, never a path to be used.
        package var name: String
        /// SHA-256 of its content, 64 lower-case hexadecimal digits.
        package var sha256: String
        package var bytes: Int

        package init(name: String, sha256: String, bytes: Int) {
            self.name = name
            self.sha256 = sha256
            self.bytes = bytes
        }
    }

    package var fingerprint: String
    /// In the order of their names' bytes; empty when the model can't be had.
    package var files: [File]
    /// Why not; empty when it can.
    package var reason: String

    package init(fingerprint: String, files: [File], reason: String = "") {
        self.fingerprint = fingerprint
        self.files = files
        self.reason = WireText.line(reason)
    }
}

/// Nothing more will be granted: finish, upload, say bye and end.
package struct Drain: Codable, Equatable, Sendable {
    package var reason: String
    /// Whether cells are left, none of which the worker can render.
    package var isUnfit: Bool?

    package init(reason: String, isUnfit: Bool? = nil) {
        self.reason = WireText.line(reason)
        self.isUnfit = isUnfit
    }
}
