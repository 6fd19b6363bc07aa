import Foundation
package import PNG

/// Reads the writing on images with the program tesseract, where it is installed.
///
/// One image takes about a second, so it is only done when a person asks for it, and with the lowest priority: the host may
/// be rendering.
package struct BoardReader: Sendable {
    /// Images whose longer side has fewer pixels are enlarged: tesseract wants letters of some twenty pixels.
    private static let wantedSide = 1024
    /// Longest time for one image.
    private static let patienceSeconds = 60

    private let tesseract: InstalledProgram
    private let nice: InstalledProgram
    private let timeout: InstalledProgram

    /// - Throws: ``CoordinatorError/program(name:problem:)`` when tesseract is not installed.
    package init() throws(CoordinatorError) {
        try self.init(tesseract: InstalledProgram("tesseract", package: "tesseract-ocr"))
    }

    init(tesseract: InstalledProgram) throws(CoordinatorError) {
        self.tesseract = tesseract
        nice = try InstalledProgram("nice", package: "coreutils")
        timeout = try InstalledProgram("timeout", package: "coreutils")
    }

    /// What stands on an image; nothing of it blocks for longer than it takes to enlarge the image.
    ///
    /// - Throws: ``CoordinatorError/program(name:problem:)`` when tesseract fails, `PNGError` when memory runs out.
    package func read(_ image: PNGImage) async throws -> BoardReading {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tmdne-read-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let picture = folder.appending(path: "image.png")
        let factor = max(1, Self.wantedSide / max(image.width, image.height, 1))
        try Data(image.enlarged(by: factor).encode()).write(to: picture)
        let status = try await run(picture, output: folder.appending(path: "words"))
        let words = try? String(contentsOf: folder.appending(path: "words.tsv"), encoding: .utf8)
        guard status == 0, let words else {
            throw CoordinatorError.program(name: "tesseract", problem: "failed with exit code \(status)")
        }
        return BoardReading(tsv: words)
    }

    private func run(_ picture: URL, output: URL) async throws -> Int32 {
        let process = Process()
        process.executableURL = nice.url
        process.arguments =
            ["-n", "19", timeout.url.path, "\(Self.patienceSeconds)", tesseract.url.path, picture.path, output.path]
            // 11: sparse text in no particular order, as on a board.
            + ["--psm", "11", "tsv"]
        process.environment = ProcessInfo.processInfo.environment.merging(["OMP_THREAD_LIMIT": "1"]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let (ends, end) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = { process in
            end.yield(process.terminationStatus)
            end.finish()
        }
        try process.run()
        for await status in ends { return status }
        // Only cancellation ends the stream without a status; nobody wants the words any more.
        process.terminate()
        throw CancellationError()
    }
}
