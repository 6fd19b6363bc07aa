import SharedModel

/// The spooled images on their way to the coordinator: one is offered and sent at a time, several wait for their
/// acknowledgement, the rest wait for their turn.
struct DeliveryQueue {
    /// What becomes of the image at the front.
    enum Step: Equatable {
        /// It is being read from the spool.
        case loading
        /// The coordinator has been asked whether it wants it.
        case offered
        /// It is being sent.
        case sending
    }

    /// Images sent and not acknowledged, so that a slow disk over there does not fill its memory.
    private static let maximumUnacknowledged = 8

    private var waiting: [SpoolEntry]
    private var front: (entry: SpoolEntry, step: Step)?
    private var unacknowledged: [SpoolEntry] = []
    private var cells: Set<CellKey>
    /// Bytes of all images that are not answered for good.
    private(set) var bytes: Int
    /// Set while the coordinator can't take images.
    var isPaused = false

    init(leftovers: [SpoolEntry]) {
        waiting = leftovers
        cells = Set(leftovers.map(\.cell))
        bytes = leftovers.reduce(0) { $0 + $1.bytes }
    }

    var count: Int { cells.count }

    func contains(_ cell: CellKey) -> Bool { cells.contains(cell) }

    func isSending(_ cell: CellKey) -> Bool {
        front?.step == .sending && front?.entry.cell == cell
    }

    mutating func add(_ entry: SpoolEntry) {
        guard cells.insert(entry.cell).inserted else { return }
        waiting.append(entry)
        bytes += entry.bytes
    }

    /// Takes the next image to the front, if there is room and one waits; it must be loaded, then offered.
    mutating func advance() -> SpoolEntry? {
        guard !isPaused, front == nil, unacknowledged.count < Self.maximumUnacknowledged, !waiting.isEmpty else {
            return nil
        }
        let entry = waiting.removeFirst()
        front = (entry, .loading)
        return entry
    }

    /// Moves the image at the front one step on.
    ///
    /// - Returns: Its entry, or `nil` if another cell or another step is at the front.
    mutating func move(_ cell: CellKey, from step: Step, to next: Step) -> SpoolEntry? {
        guard let front, front.entry.cell == cell, front.step == step else { return nil }
        self.front = (front.entry, next)
        return front.entry
    }

    /// The last byte of the image at the front was sent.
    ///
    /// - Returns: Whether it was that image.
    mutating func sent(_ cell: CellKey) -> Bool {
        guard let front, front.entry.cell == cell, front.step == .sending else { return false }
        unacknowledged.append(front.entry)
        self.front = nil
        return true
    }

    /// Takes an image out, because it was answered.
    ///
    /// - Returns: Its entry, or `nil` if it was not offered.
    mutating func answered(_ cell: CellKey) -> SpoolEntry? {
        if let front, front.entry.cell == cell, front.step != .loading {
            self.front = nil
            return forget(front.entry)
        }
        guard let index = unacknowledged.firstIndex(where: { $0.cell == cell }) else { return nil }
        return forget(unacknowledged.remove(at: index))
    }

    /// Takes out the image at the front, because the spool could not give it back.
    mutating func drop(_ cell: CellKey) -> SpoolEntry? {
        guard let front, front.entry.cell == cell, front.step == .loading else { return nil }
        self.front = nil
        return forget(front.entry)
    }

    /// Puts all that was under way back to the front of the line, because the connection is lost.
    mutating func rewind() {
        waiting = unacknowledged + (front.map { [$0.entry] } ?? []) + waiting
        unacknowledged = []
        front = nil
        isPaused = false
    }

    private mutating func forget(_ entry: SpoolEntry) -> SpoolEntry {
        cells.remove(entry.cell)
        bytes -= entry.bytes
        return entry
    }
}
