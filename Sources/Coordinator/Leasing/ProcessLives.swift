import SharedModel

/// What each worker's process was granted, so that a worker that comes back as the same process is known not to have died.
///
/// A worker names the leases that it knows of. A grant that was lost with its connection is not among them, and looked like
/// a death of whoever should have got it.
struct ProcessLives: Sendable {
    /// Most leases remembered of a process; it holds no more than eight at a time.
    private static let longestMemory = 16
    /// Most workers remembered.
    private static let mostWorkers = 4096

    private var lives: [String: (id: String, leases: [LeaseID])] = [:]

    /// A worker was let in.
    ///
    /// - Returns: What this process was granted before, the oldest first; nothing when it is another one, or does not tell.
    mutating func joined(_ identity: String, life: String?) -> [LeaseID] {
        guard let life else {
            lives[identity] = nil
            return []
        }
        if let known = lives[identity], known.id == life { return known.leases }
        // Whoever is forgotten is learnt anew, and blamed as if the process were another.
        if lives.count >= Self.mostWorkers { lives = [:] }
        lives[identity] = (life, [])
        return []
    }

    /// A lease was granted to a worker that is there.
    mutating func granted(_ lease: LeaseID, to identity: String) {
        guard var life = lives[identity] else { return }
        life.leases = life.leases.suffix(Self.longestMemory - 1) + [lease]
        lives[identity] = life
    }
}
