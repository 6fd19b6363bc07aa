package import SharedModel

/// What a run of cells wants of whoever renders it: a model with all that is added to it, at a size.
package struct ModelUse: Equatable, Sendable {
    /// What the sweep calls the model.
    package var name: String
    /// SHA-256 of the model's files.
    package var fingerprint: String
    /// Of the cells; their LoRAs and VAE are part of the use.
    package var options: RenderOptions
    /// What the sweep calls the LoRAs and the VAE, by fingerprint.
    package var files: [String: String]
    package var width: Int
    package var height: Int

    /// What must be there, by content.
    var fingerprints: [String] {
        [fingerprint] + (options.loras ?? []).map(\.file) + (options.vae.map { [$0] } ?? [])
    }
}

/// What a use takes, as far as the coordinator's copy of the model tells.
package struct ModelNeed: Equatable, Sendable {
    /// As workers name the families that they know.
    package var family: String
    /// The least bytes of memory, one cell at a time, by the precision that networks are computed in.
    package var memory: [String: Int]

    package init(family: String, memory: [String: Int]) {
        self.family = family
        self.memory = memory
    }
}

/// A use of the sweep, and what it takes.
struct Requirement: Equatable, Sendable {
    /// In the database.
    var id: Int64
    var use: ModelUse
    /// `nil` where the coordinator can't tell.
    var need: ModelNeed?
}

/// Cells that a worker can't render, by what it said of itself.
struct Misfit: Equatable, Sendable {
    /// The requirement's id.
    var requirement: Int64
    /// A sentence for people, with the remedy.
    var reason: String
    /// Bytes of memory that are missing; 0 where something else is.
    var shortage = 0
}

extension Requirement {
    /// Why a worker can't render these cells; `nil` when it can, or when nobody knows.
    func misfit(of able: Ability) -> Misfit? {
        if let need, let families = able.families, !families.contains(need.family) {
            return misfit("\(name) is a model of \(need.family), which this worker does not know; attach a newer one.")
        }
        if able.fetches == false, let models = able.models, let missing = use.fingerprints.first(where: lacks(models)) {
            let file = missing == use.fingerprint ? name : Self.quoted(use.files[missing] ?? missing)
            return misfit(
                "This worker has no copy of \(file) and fetches none; give it the file, or let it fetch what it lacks.")
        }
        guard let need, let memory = able.memory, let least = Self.memory(need, in: able.precision), memory < least
        else { return nil }
        let precision = able.precision.map { need.memory[$0] == nil ? "" : " in \($0)" } ?? ""
        return misfit(
            """
            \(name) takes \(Self.gigabytes(least, .up)) of memory at least at \(use.width)x\(use.height)\(precision), and \
            this worker may take \(Self.gigabytes(memory, .down)); attach one with more memory, allow this one more, or \
            render a smaller size.
            """, shortage: least - memory)
    }

    private func misfit(_ reason: String, shortage: Int = 0) -> Misfit {
        Misfit(requirement: id, reason: WireText.line(reason), shortage: shortage)
    }

    private func lacks(_ models: [String]) -> (String) -> Bool {
        { !models.contains($0) }
    }

    private var name: String { Self.quoted(use.name) }

    private static func quoted(_ name: String) -> String { "“\(WireText.line(name, longest: 256))”" }

    /// In a precision that nobody has heard of, as little as in any.
    private static func memory(_ need: ModelNeed, in precision: String?) -> Int? {
        precision.flatMap { need.memory[$0] } ?? need.memory.values.min()
    }

    /// In tenths, so that what is needed never looks like what is there.
    private static func gigabytes(_ bytes: Int, _ rule: FloatingPointRoundingRule) -> String {
        let tenths = Int((Double(bytes) / 1e8).rounded(rule))
        return "\(tenths / 10).\(tenths % 10) GB"
    }
}
