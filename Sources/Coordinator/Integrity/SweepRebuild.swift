import Foundation
import Glibc
package import SharedModel

/// Makes the database of a sweep again, from its sweep file and from what the images say of themselves.
///
/// What only the database knew is lost: timings, verdicts, failures, priorities, the diary, and which worker delivered
/// what.
package struct SweepRebuild {
    /// A file under `images/` that is not taken.
    package struct Refusal: Equatable, Encodable, Sendable {
        /// Path inside the directory.
        package var path: String
        /// What is wrong, to follow the path.
        package var reason: String
    }

    /// What came of it.
    package struct Report: Equatable, Encodable, Sendable {
        package var sweep: String
        /// Distinct cells that the sweep shows.
        package var cells: Int
        /// Those of them that have an image.
        package var done = 0
        /// Images of cells that the sweep file does not show any more; they are kept for the day when it does.
        package var hidden = 0
        package var refused: [Refusal] = []
        /// Where the damaged database is now, if there was one.
        package var damaged: String?
    }

    /// Images that go into one transaction.
    private static let group = 256

    private let directory: SweepDirectory
    private let plan: SweepPlan
    private var report: Report
    private var found: [FoundImage] = []
    /// Cells that images belong to, and the plan does not show.
    private var hidden: [(cell: PlannedCell, position: Position)] = []

    /// Rebuilds the database of a directory.
    ///
    /// Blocks for as long as it takes to read every image.
    ///
    /// - Parameters:
    ///   - directory: Of the sweep; no coordinator may serve it.
    ///   - plan: Of the sweep file that it was started with last.
    ///   - progress: Told how many images have been looked at, every now and then.
    /// - Returns: What was kept and what was left out.
    /// - Throws: ``CoordinatorError/soundDatabase(path:)`` when there is nothing to rebuild; what went wrong otherwise,
    ///   with the directory as it was.
    package static func run(
        _ directory: SweepDirectory, plan: SweepPlan, progress: (Int) -> Void = { _ in }
    ) async throws -> Report {
        guard try !DirectoryLock.isHeld(in: directory) else {
            throw CoordinatorError.isServed(directory: directory.url.path)
        }
        try directory.create()
        let lock = try DirectoryLock(directory)
        try refuseSoundDatabase(of: directory)
        var rebuild = SweepRebuild(directory: directory, plan: plan)
        try rebuild.readImages(progress)
        try await rebuild.write()
        lock.markClean()
        return rebuild.report
    }

    private init(directory: SweepDirectory, plan: SweepPlan) {
        self.directory = directory
        self.plan = plan
        report = Report(sweep: plan.name, cells: plan.cells.count)
    }

    private static func refuseSoundDatabase(of directory: SweepDirectory) throws {
        do {
            guard try SweepReader(directory).problems().isEmpty else { return }
            throw CoordinatorError.soundDatabase(path: directory.database.path)
        } catch CoordinatorError.damagedDatabase, CoordinatorError.noSweep {
            return
        }
    }

    private mutating func readImages(_ progress: (Int) -> Void) throws {
        let planned = Set(plan.cells.map(\.key))
        var places: [CellKey: Int] = [:]
        var count = 0
        for name in directory.imageNames where name.hasSuffix(".png") {
            count += 1
            if count.isMultiple(of: 100) { progress(count) }
            do throws(ImageRefusal) {
                guard let (image, metadata) = try read("images/\(name)") else { continue }
                if !planned.contains(metadata.key), places[metadata.key] == nil { try hide(metadata) }
                let candidate = FoundImage(image, metadata)
                guard let place = places[metadata.key] else {
                    places[metadata.key] = found.count
                    found.append(candidate)
                    continue
                }
                // The first image of a cell is the one that was acknowledged.
                if candidate.writtenAt < found[place].writtenAt { found[place] = candidate }
                throw ImageRefusal(reason: "is one of several images of a cell; the oldest is taken")
            } catch {
                report.refused.append(Refusal(path: "images/\(name)", reason: error.reason))
            }
        }
    }

    /// Reads an image whose name, bytes, picture and metadata agree.
    private func read(_ path: String) throws(ImageRefusal) -> (StoredImage, ImageMetadata)? {
        do {
            guard let image = try StoredImage(path: directory.url.appending(path: path).path) else { return nil }
            guard SweepDirectory.imagePath(sha256: image.sha256) == path else {
                throw ImageRefusal(reason: "has another SHA-256 than its name says")
            }
            guard let metadata = try image.metadata() else {
                throw ImageRefusal(reason: "does not say which cell it shows")
            }
            try image.checkPicture(width: metadata.cell.width, height: metadata.cell.height)
            return (image, metadata)
        } catch let refusal as ImageRefusal {
            throw refusal
        } catch {
            throw ImageRefusal(reason: "\(error)")
        }
    }

    /// Takes note of a cell that the plan does not show, with the position that its image tells of.
    private mutating func hide(_ metadata: ImageMetadata) throws(ImageRefusal) {
        guard metadata.sweep == plan.name else {
            throw ImageRefusal(reason: "belongs to the sweep “\(WireText.line(metadata.sweep, longest: 256))”")
        }
        let (cell, axes) = (metadata.cell, metadata.axes)
        guard Sweep.stepsBounds.contains(cell.steps), Hexadecimal.isLowercase(cell.fingerprint, digits: 64) else {
            throw ImageRefusal(reason: "says that it was made as no sweep can ask for")
        }
        let index = plan.positions.count + hidden.count
        hidden.append(
            (
                PlannedCell(key: metadata.key, cell: cell, firstPosition: index),
                Position(
                    index: index, cell: metadata.key, model: axes.model, prompt: axes.prompt,
                    negativePrompt: axes.negativePrompt, style: axes.style, guidance: cell.guidance, seed: cell.seed,
                    steps: cell.steps, sampler: cell.sampler, width: cell.width, height: cell.height)
            ))
    }

    private mutating func write() async throws {
        let path = directory.database.path + ".rebuilt"
        for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
        let store = try SweepStore(path: path)
        do {
            try await fill(store)
            await store.close()
        } catch {
            await store.close()
            throw error
        }
        try moveDamagedAside()
        guard rename(path, directory.database.path) == 0 else { throw DurableFile.error(path, "Renaming") }
        try DurableFile.syncDirectory(directory.url.path)
        try DurableFile.replace(directory.source.path, with: Array(plan.source.utf8), mode: 0o644)
    }

    /// Plans the sweep, gives its cells their images, and lets go of what it does not show, as an edit would.
    private mutating func fill(_ store: SweepStore) async throws {
        var wide = plan
        wide.cells += hidden.map(\.cell)
        wide.positions += hidden.map(\.position)
        wide.shards += hidden.map { Shard(cells: [$0.cell.key]) }
        _ = try await store.adopt(wide, directory: directory.url.path)
        for start in stride(from: 0, to: found.count, by: Self.group) {
            _ = try await store.take(Array(found[start..<min(start + Self.group, found.count)]))
        }
        if !hidden.isEmpty { _ = try await store.adopt(plan, directory: directory.url.path) }
        report.hidden = hidden.count
        report.done = found.count - hidden.count
        try store.verify()
    }

    /// Keeps a damaged database: someone may still want to read in it.
    private mutating func moveDamagedAside() throws {
        let path = directory.database.path
        guard FileManager.default.fileExists(atPath: path) else { return }
        let aside = (0...).lazy.map { path + ".damaged" + ($0 == 0 ? "" : "-\($0)") }
            .first { !FileManager.default.fileExists(atPath: $0) }
        guard let aside else { return }
        for suffix in ["-wal", "-shm", ""] {
            guard rename(path + suffix, aside + suffix) == 0 || errno == ENOENT else {
                throw DurableFile.error(path + suffix, "Setting aside")
            }
        }
        report.damaged = URL(filePath: aside).lastPathComponent
    }
}
