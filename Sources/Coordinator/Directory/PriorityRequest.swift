import Foundation
import Glibc

/// What somebody wants to be rendered first.
package struct PriorityRequest: Codable, Equatable, Sendable {
    /// What everything has that nobody prioritised.
    package static let normal = 0
    /// What may be asked for; higher comes first.
    package static let choices = 1...9

    /// Which positions are meant; their cells take those along that are granted together with them.
    package var selection: GridSelection
    /// One of ``choices``, or ``normal`` to give the cells their usual place again.
    package var priority: Int

    package init(_ selection: GridSelection, priority: Int) {
        self.selection = selection
        self.priority = priority
    }

    /// Whether cells get their usual place again.
    package var isReset: Bool { priority == Self.normal }

    /// Whether it is one that a command would write: not everything can come first.
    var isSound: Bool { isReset || Self.choices.contains(priority) && !selection.isEmpty }
}

/// What comes of a ``PriorityRequest``.
package struct PriorityAnswer: Equatable, Sendable {
    /// Images that are meant and neither done nor failed.
    package var matching: Int
    /// Those, and what is granted together with them.
    package var images: Int
    /// Whether a running coordinator was asked, which takes it up within a second or two.
    package var isAsked = false
}

/// A request in the directory that no coordinator has carried out yet.
struct WaitingPriority {
    let path: String
    /// `nil` for a file that tmdne did not write.
    let request: PriorityRequest?

    func remove() {
        unlink(path)
    }
}

extension SweepDirectory {
    /// The longest file of a request, in bytes.
    private static let longest = 64 << 10
    private static let prefix = "prioritise-"
    private static let suffix = ".json"

    /// Has cells granted before all others: through the coordinator where one runs, else right here.
    ///
    /// - Returns: How many images that makes; nothing is changed and nothing left behind when there are none.
    /// - Throws: ``CoordinatorError`` for what the sweep does not have, before anything is left behind.
    package func prioritise(_ request: PriorityRequest) async throws -> PriorityAnswer {
        guard try !isServed() else {
            // What waits may be what is to be taken back.
            let isFirst = waitingPriorities().isEmpty
            var answer = try SweepReader(self).prospect(of: request)
            guard answer.images > 0 || request.isReset && !isFirst else { return answer }
            try submit(request)
            answer.isAsked = true
            return answer
        }
        let lock = try DirectoryLock(self)
        // What a crash left is looked at by the next coordinator.
        defer { if !lock.followsCrash { lock.markClean() } }
        let store = try SweepStore(path: database.path)
        do {
            // What was asked of a coordinator that ended too soon came before.
            _ = try await store.carryOutPriorities(of: self)
            let answer = try await store.prioritise(request)
            await store.close()
            return answer
        } catch {
            await store.close()
            throw error
        }
    }

    /// Leaves a request for the coordinator, on the disk before this returns: one that ends at this moment leaves it to the
    /// next.
    ///
    /// - Throws: ``CoordinatorError/longRequest(bytes:limit:)``, or what keeps it from being written.
    func submit(_ request: PriorityRequest) throws {
        let bytes = try JSONEncoder().encode(request)
        guard bytes.count <= Self.longest else {
            throw CoordinatorError.longRequest(bytes: bytes.count, limit: Self.longest)
        }
        try DurableFile.makeDirectory(requests.path)
        // In the order of their names they are in the order of their making.
        let name = "\(Self.prefix)\(Timestamp.text(Date()))-\(UUID().uuidString)\(Self.suffix)"
        try DurableFile.replace(requests.appending(path: name).path, with: Array(bytes), mode: 0o644)
    }

    /// The requests that wait, in the order in which they were made.
    func waitingPriorities() -> [WaitingPriority] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: requests.path)) ?? []
        return names.filter { $0.hasPrefix(Self.prefix) && $0.hasSuffix(Self.suffix) }.sorted().map { name in
            let path = requests.appending(path: name).path
            return WaitingPriority(path: path, request: Self.request(at: path))
        }
    }

    private static func request(at path: String) -> PriorityRequest? {
        // Nobody may keep the coordinator waiting with a pipe.
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard let bytes = try? file.read(upToCount: longest + 1), bytes.count <= longest,
            let request = try? JSONDecoder().decode(PriorityRequest.self, from: bytes), request.isSound
        else { return nil }
        return request
    }
}
