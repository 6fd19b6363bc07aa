import SharedModel

/// Fetches a model piece by piece: what to ask, what to write, when it is whole.
///
/// A state machine without I/O: what the connection says goes in, what to do comes out. It survives its connections; a
/// new one goes on after what is written.
struct ModelTransfer: Sendable {
    /// A file to be fetched; several names may have the same content, which is fetched once.
    struct Item: Equatable, Sendable {
        let sha256: String
        let bytes: Int
    }

    enum Action: Equatable, Sendable {
        case send(WorkerMessage)
        /// Append to what is there of a file.
        case write(Item, [UInt8])
        /// Every file is there: check them, and make a folder of them.
        case assemble([ModelFileName: Item])
        case fail(String)
    }

    private struct Request {
        var item: Int
        var offset: Int
        var bytes: Int
    }

    /// Pieces that are asked for ahead: 1 MiB on the way, so that a long line is a full one.
    private static let window = 16

    private let fingerprint: String
    private var names: [ModelFileName: Item] = [:]
    private var items: [Item] = []
    /// How much of each item is written.
    private var written: [Int] = []
    /// What is asked for and has not come, in the order in which it will.
    private var requests: [Request] = []
    /// The item to ask of next, and from where.
    private var next = (item: 0, offset: 0)
    private var isListed = false

    init(fingerprint: String) {
        self.fingerprint = fingerprint
    }

    /// Bytes of the whole model and of what is written of it; 0 before its files are known.
    var progress: (bytes: Int, written: Int) {
        (items.reduce(0) { $0 + $1.bytes }, written.reduce(0, +))
    }

    /// A connection is there, the first or a new one.
    mutating func connected() -> [Action] {
        requests = []
        return [.send(.want(Want(fingerprint: fingerprint)))]
    }

    mutating func disconnected() {
        requests = []
    }

    /// The list came, or the word that there is none.
    ///
    /// - Parameters:
    ///   - offer: What the coordinator says.
    ///   - present: How many bytes of a file are on this host's disk.
    /// - Returns: What to do.
    mutating func listed(_ offer: ModelOffer, present: (Item) -> Int) -> [Action] {
        guard offer.reason.isEmpty else { return [.fail(offer.reason)] }
        if !isListed {
            // The fingerprint vouches for the list: every name and every hash goes into it.
            guard offer.fingerprint == fingerprint,
                ModelManifest.fingerprint(of: offer.files.map { ($0.name, $0.sha256) }) == fingerprint
            else {
                return [.fail("The coordinator's list of files is not the model's; check its disk.")]
            }
            for file in offer.files {
                guard let name = ModelFileName(file.name), names[name] == nil else {
                    return [.fail("A model has no file of the name “\(WireText.line(file.name, longest: 128))”.")]
                }
                let item = Item(sha256: file.sha256, bytes: file.bytes)
                if !items.contains(where: { $0.sha256 == item.sha256 }) { items.append(item) }
                names[name] = item
            }
            guard names.values.allSatisfy(items.contains) else {
                return [.fail("The coordinator's list gives two lengths to one content.")]
            }
            isListed = true
            written = items.map(present)
        }
        next = (0, written.first ?? 0)
        return goOn()
    }

    /// A piece came.
    mutating func arrived(_ bytes: [UInt8]) -> [Action] {
        guard let request = requests.first, request.bytes == bytes.count else {
            return [.fail("The coordinator sent a piece that was not asked for; it may be another version.")]
        }
        requests.removeFirst()
        let item = items[request.item]
        written[request.item] += bytes.count
        return [.write(item, bytes)] + goOn()
    }

    /// Asks ahead, or ends.
    private mutating func goOn() -> [Action] {
        var actions: [Action] = []
        while requests.count < Self.window, next.item < items.count {
            let item = items[next.item]
            guard next.offset < item.bytes else {
                next = (next.item + 1, written.indices.contains(next.item + 1) ? written[next.item + 1] : 0)
                continue
            }
            let bytes = min(WireLimits.chunkBytes, item.bytes - next.offset)
            requests.append(Request(item: next.item, offset: next.offset, bytes: bytes))
            let fetch = Fetch(fingerprint: fingerprint, sha256: item.sha256, offset: next.offset)
            actions.append(.send(.fetch(fetch)))
            next.offset += bytes
        }
        if isListed, requests.isEmpty, next.item >= items.count { actions.append(.assemble(names)) }
        return actions
    }
}
