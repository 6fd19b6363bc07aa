import Crypto
import Foundation
import SharedModel

/// Carries out a ``ModelTransfer`` on the engine's thread: asks through the link, writes into a folder of its own.
///
/// While it lasts, the files stand there under the hashes of their contents, so that a worker that starts again goes on
/// where it stopped, and so that no name from the wire is ever a path. What is whole is linked under checked names and put
/// in place in one step.
struct ModelDownload {
    let name: String
    let fingerprint: String
    /// Where it is put together; locked by the caller.
    let workplace: String
    /// Where it is put at last.
    let path: String
    let link: ModelLink

    /// - Throws: ``WorkerError``.
    func run() throws(WorkerError) {
        var transfer = ModelTransfer(fingerprint: fingerprint)
        var isTold = false
        link.listen()
        defer { link.ignore() }
        while true {
            let actions: [ModelTransfer.Action]
            switch link.next() {
            case .connected: actions = transfer.connected()
            case .disconnected:
                transfer.disconnected()
                actions = []
            case .listed(let offer): actions = transfer.listed(offer, present: present)
            case .arrived(let bytes): actions = transfer.arrived(bytes)
            case .aborted: throw .interrupted
            }
            if !isTold, transfer.progress.bytes > 0 {
                isTold = true
                link.tell(.fetchingModel(name: name, bytes: transfer.progress.bytes - transfer.progress.written))
            }
            for action in actions where try perform(action) { return }
        }
    }

    /// - Returns: Whether the model is in its place.
    private func perform(_ action: ModelTransfer.Action) throws(WorkerError) -> Bool {
        switch action {
        case .send(let message): link.send(message)
        case .write(let item, let bytes): try Files.append(bytes, to: file(item))
        case .assemble(let names):
            try assemble(names)
            return true
        case .fail(let reason):
            throw .unusableModel(name: WireText.line(name, longest: 256), reason: reason)
        }
        return false
    }

    /// Bytes of a file that are there from an earlier run; too many can't be right.
    private func present(_ item: ModelTransfer.Item) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: file(item))
        guard let size = attributes?[.size] as? Int, size <= item.bytes else {
            Files.remove(file(item))
            return 0
        }
        return size
    }

    /// Checks every file, and makes the model's folder of them, durably.
    private func assemble(_ names: [ModelFileName: ModelTransfer.Item]) throws(WorkerError) {
        let tree = "\(workplace)/tree"
        try? FileManager.default.removeItem(atPath: tree)
        try Files.makeDirectory(tree)
        for item in Set(names.values.map(\.sha256)).compactMap({ sha256 in
            names.values.first { $0.sha256 == sha256 }
        }) {
            try check(item)
        }
        for (name, item) in names {
            if let folder = name.folder { try Files.makeDirectory("\(tree)/\(folder.rawValue)") }
            let destination = "\(tree)/\(name.path)"
            guard Glibc.link(file(item), destination) == 0 else { throw Files.failure(destination, "link") }
        }
        for folder in Set(names.keys.compactMap(\.folder)) { try Files.sync(directory: "\(tree)/\(folder.rawValue)") }
        try Files.sync(directory: tree)
        guard rename(tree, path) == 0 else { throw Files.failure(path, "put in place") }
        try? FileManager.default.removeItem(atPath: workplace)
    }

    /// What the disk holds of a file is what it should be; else it is thrown away, to be fetched again.
    private func check(_ item: ModelTransfer.Item) throws(WorkerError) {
        let path = file(item)
        if item.bytes == 0 { try Files.append([], to: path) }
        guard try Files.sha256(of: path, synced: true) == item.sha256 else {
            Files.remove(path)
            throw .unusableModel(
                name: WireText.line(name, longest: 256),
                reason: "a file was damaged on its way; start the worker again to fetch that file once more")
        }
    }

    private func file(_ item: ModelTransfer.Item) -> String {
        "\(workplace)/\(item.sha256)"
    }
}
