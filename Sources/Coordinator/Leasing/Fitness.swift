import SharedModel

/// Who can render what: what the workers said of themselves, held against what the sweep's cells need.
///
/// Decisions without I/O. What nobody knows is held against nobody: such cells are granted, and a worker that turns out
/// to be unable gives them back.
struct Fitness: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Claims wait no longer than this for the needs to become known.
    static let patience = Duration.seconds(5)

    private var requirements: [Requirement] = []
    /// Of the workers that are there, by their identities.
    private var abilities: [String: Ability] = [:]
    /// Until when the needs are worth waiting for; `nil` when they are known, or nobody looks.
    private var deadline: Instant?

    init(isAssessing: Bool = false, now: Instant) {
        deadline = isAssessing ? now + Self.patience : nil
    }

    /// The needs of the sweep's cells are known, as far as they ever will be.
    mutating func assessed(_ requirements: [Requirement]) {
        self.requirements = requirements
        deadline = nil
    }

    /// A worker was let in.
    mutating func joined(_ identity: String, able: Ability?) {
        abilities[identity] = able
    }

    /// The last connection of a worker ended.
    mutating func left(_ identity: String) {
        abilities[identity] = nil
    }

    /// Which cells a worker can't render.
    func misfits(of able: Ability?) -> [Misfit] {
        guard let able else { return [] }
        return requirements.compactMap { $0.misfit(of: able) }
    }

    /// Which cells a worker that is there can't render.
    func misfits(of identity: String) -> [Misfit] {
        misfits(of: abilities[identity])
    }

    /// Whether a claim must wait until it is known which cells the worker can render.
    func mustWait(_ identity: String, now: Instant) -> Bool {
        guard let deadline, abilities[identity] != nil else { return false }
        return now < deadline
    }
}
