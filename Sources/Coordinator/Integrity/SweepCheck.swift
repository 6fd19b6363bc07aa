package import Foundation
import Glibc
package import SharedModel

/// Reads every image of a sweep again and compares disk, database and images with one another.
///
/// Looking changes nothing and may be done beside a coordinator that runs. A repair needs the directory for itself: it
/// gives unknown images to cells that have none, moves what is damaged or of no use to `set-aside/`, deletes nothing, and
/// lets the cells be rendered again.
package struct SweepCheck {
    /// Something that is wrong.
    package struct Finding: Equatable, Sendable {
        package enum Kind: String, Encodable, Sendable {
            /// The database contradicts itself; only `tmdne rebuild` mends that.
            case database
            /// A file is not the image that was acknowledged.
            case damaged
            /// An image that was acknowledged is not there.
            case missing
            /// A file under `images/` that no row knows.
            case unknown
        }

        package var kind: Kind
        /// What is wrong, to follow the path: `has another SHA-256 than its name says`.
        package var problem: String
        /// Path inside the directory.
        package var path: String
        package var cell: CellKey?
        /// Name of the worker that delivered the image.
        package var worker: String?
        package var isRepaired = false
    }

    /// What was looked at and what was found.
    package struct Report: Equatable, Sendable {
        package var sweep: String
        /// Rows of images, each compared with its file.
        package var images = 0
        /// Bytes of the files that were read.
        package var bytes = 0
        /// Images that say nothing of themselves, so that no rebuild could place them.
        package var silent = 0
        package var findings: [Finding] = []

        /// Whether nothing is wrong any more.
        package var isSettled: Bool { findings.allSatisfy(\.isRepaired) }
    }

    /// A file without a row may be one that a coordinator is about to commit.
    private static let youth: TimeInterval = 60

    private let directory: SweepDirectory
    private let reader: SweepReader
    private var report: Report

    /// Checks a directory.
    ///
    /// Blocks for as long as it takes to read every image.
    ///
    /// - Parameters:
    ///   - directory: Of a sweep.
    ///   - isRepairing: Whether to mend what can be mended.
    ///   - now: Wall time.
    ///   - progress: Told how many images have been looked at, every now and then.
    /// - Returns: What was found, and what of it is repaired.
    /// - Throws: ``CoordinatorError``: no sweep there, a database that can't be read, or a repair of a sweep that is
    ///   served.
    package static func run(
        _ directory: SweepDirectory, isRepairing: Bool = false, now: Date = Date(), progress: (Int) -> Void = { _ in }
    ) async throws -> Report {
        let isServed = try directory.isServed()
        guard isRepairing else {
            var check = try SweepCheck(directory)
            try check.look(isServed: isServed, now: now, progress)
            return check.report
        }
        guard !isServed else { throw CoordinatorError.isServed(directory: directory.url.path) }
        let lock = try DirectoryLock(directory)
        defer { if !lock.followsCrash { lock.markClean() } }
        var check = try SweepCheck(directory)
        try check.look(isServed: false, now: now, progress)
        guard !check.report.findings.isEmpty else { return check.report }
        let store = try SweepStore(path: directory.database.path)
        do {
            try await check.repair(store)
            await store.close()
        } catch {
            await store.close()
            throw error
        }
        return check.report
    }

    private init(_ directory: SweepDirectory) throws {
        self.directory = directory
        reader = try SweepReader(directory)
        report = Report(sweep: try reader.sweep().name)
    }

    private mutating func look(isServed: Bool, now: Date, _ progress: (Int) -> Void) throws {
        let name = directory.database.lastPathComponent
        for problem in try reader.problems() { add(Finding(kind: .database, problem: problem, path: name)) }
        var known: Set<String> = []
        try reader.forEachImage { row in
            known.insert(SweepDirectory.imagePath(sha256: row.sha256))
            try compare(row)
            report.images += 1
            if report.images.isMultiple(of: 100) { progress(report.images) }
        }
        try lookForStrangers(known: known, newest: isServed ? now.addingTimeInterval(-Self.youth) : .distantFuture)
    }

    /// Compares a row with its file.
    private mutating func compare(_ row: ImageRow) throws {
        let path = SweepDirectory.imagePath(sha256: row.sha256)
        do {
            guard let image = try StoredImage(path: directory.url.appending(path: path).path) else {
                return add(
                    Finding(kind: .missing, problem: "is not there", path: path, cell: row.cell, worker: row.worker))
            }
            report.bytes += image.bytes.count
            guard image.bytes.count == row.bytes, image.sha256 == row.sha256 else {
                throw ImageRefusal(
                    reason: "has \(image.bytes.count) bytes with the SHA-256 \(image.sha256.prefix(12))…, "
                        + "and \(row.bytes) of another were acknowledged")
            }
            try image.checkPicture(width: row.width, height: row.height)
            guard let metadata = try image.metadata() else {
                report.silent += 1
                return
            }
            guard metadata.key == row.cell else {
                throw ImageRefusal(reason: "says that it is the image of cell \(metadata.key.hex.prefix(12))…")
            }
        } catch let refusal as ImageRefusal {
            add(Finding(kind: .damaged, problem: refusal.reason, path: path, cell: row.cell, worker: row.worker))
        }
    }

    /// Looks for files under `images/` that no row knows and that were written before `newest`.
    private mutating func lookForStrangers(known: Set<String>, newest: Date) throws {
        for name in directory.imageNames {
            let path = "images/\(name)"
            var information = stat()
            guard !known.contains(path), lstat(directory.url.appending(path: path).path, &information) == 0,
                information.st_mode & S_IFMT != S_IFDIR,
                Date(timeIntervalSince1970: Double(information.st_mtim.tv_sec)) < newest
            else { continue }
            add(Finding(kind: .unknown, problem: "is known to no row of the database", path: path))
        }
    }

    private mutating func add(_ finding: Finding) {
        report.findings.append(finding)
    }

    private mutating func repair(_ store: SweepStore) async throws {
        for index in report.findings.indices {
            let finding = report.findings[index]
            switch finding.kind {
            case .database: continue
            case .damaged: try setAside(finding.path)
            case .unknown: if try await !take(finding.path, into: store) { try setAside(finding.path) }
            case .missing: break
            }
            if let cell = finding.cell {
                let sha256 = URL(filePath: finding.path).deletingPathExtension().lastPathComponent
                try await store.forgetImage(of: cell, sha256: sha256, because: finding.problem)
            }
            report.findings[index].isRepaired = true
        }
    }

    /// Gives an unknown image to its cell, if that has none: what an older copy of the database has forgotten.
    ///
    /// - Returns: Whether the image was taken.
    private func take(_ path: String, into store: SweepStore) async throws -> Bool {
        do {
            guard let image = try StoredImage(path: directory.url.appending(path: path).path),
                SweepDirectory.imagePath(sha256: image.sha256) == path, let metadata = try image.metadata()
            else { return false }
            try image.checkPicture(width: metadata.cell.width, height: metadata.cell.height)
            return try await store.take([FoundImage(image, metadata)]).contains(true)
        } catch is ImageRefusal {
            return false
        }
    }

    private func setAside(_ path: String) throws {
        try DurableFile.makeDirectory(directory.setAside.path)
        let source = directory.url.appending(path: path)
        let destination = freePlace(source.lastPathComponent)
        // Two rows may share a damaged file; it is moved once.
        guard rename(source.path, destination) == 0 || errno == ENOENT else {
            throw DurableFile.error(source.path, "Setting aside")
        }
    }

    /// A path in `set-aside/` that nothing has: what was set aside before stays.
    private func freePlace(_ name: String) -> String {
        var information = stat()
        var path = directory.setAside.appending(path: name).path
        var number = 2
        while lstat(path, &information) == 0 {
            path = directory.setAside.appending(path: "\(number)-\(name)").path
            number += 1
        }
        return path
    }
}

extension SweepCheck.Finding: Encodable {
    private enum CodingKeys: String, CodingKey {
        case kind, problem, path, cell, worker
        case isRepaired = "repaired"
    }
}

extension SweepCheck.Report: Encodable {}
