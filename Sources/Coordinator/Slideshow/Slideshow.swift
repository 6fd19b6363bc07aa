package import Foundation
import PNG
import SharedModel

/// The images that were kept as a film, made by ffmpeg as the original was: 3 seconds an image, 30 frames a second.
package struct Slideshow: Sendable {
    /// In which order images are shown.
    package enum Order: String, CaseIterable, Sendable {
        case grid
        /// By guidance scale, and in grid order where that is equal.
        case guidance
    }

    /// How the film is made.
    package struct Options: Sendable {
        package var order = Order.grid
        /// Whether images that were not kept are shown too.
        package var showsAll = false
        /// Whether prompt, style and guidance stand below each image.
        package var hasCaptions = false
        /// Whether images fade into one another.
        package var isFading = false

        package init() {}
    }

    /// How long an image is shown.
    package static let secondsPerImage = 3

    /// The program and its arguments, as they are run.
    package let command: [String]
    /// How many images there are.
    package let imageCount: Int

    private let frames: FrameFolder
    private let log: URL
    private let output: URL

    /// Lays the frames out in `slideshow/` of the sweep's directory, so that the command can be run again by hand. Blocks.
    ///
    /// - Throws: ``CoordinatorError`` when the output is no film that can be made, no image is kept, or a file can't be
    ///   read or written.
    package init(_ directory: SweepDirectory, output: URL, options: Options = Options()) throws {
        let format = try FilmFormat(output)
        let reader = try SweepReader(directory)
        let rows = try Self.rows(reader, options)
        guard !rows.isEmpty else {
            throw CoordinatorError.review(
                "No image is kept yet; judge some with `tmdne web \(directory.url.relativePath)`, or add --all.")
        }
        frames = FrameFolder(directory.url.appending(path: "slideshow"))
        log = frames.url.appending(path: "ffmpeg.log")
        self.output = output
        imageCount = rows.count
        try frames.lay(
            rows, directory, repeats: options.isFading ? FilmFormat.framesPerFade : 1, captions: options.hasCaptions)
        command = format.command(
            frames: frames.pattern, size: try frames.size(rows, captions: options.hasCaptions),
            isFading: options.isFading,
            output: output.path)
    }

    /// The command as a shell takes it.
    package var commandLine: String {
        command.map { word in
            let isPlain = word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:=,+@%".contains($0)) }
            return isPlain && !word.isEmpty ? word : "'\(word.replacing("'", with: "'\\''"))'"
        }.joined(separator: " ")
    }

    /// Runs ffmpeg. Blocks.
    ///
    /// - Parameter progress: Called with the share that is done, from 0 to 1.
    /// - Throws: ``CoordinatorError/program(name:problem:)`` when ffmpeg is missing or fails.
    package func run(progress: (Double) -> Void) throws {
        let process = Process()
        process.executableURL = try InstalledProgram("ffmpeg", package: "ffmpeg").url
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        process.standardError = try? FileHandle(forWritingTo: log)
        do {
            try process.run()
        } catch {
            throw CoordinatorError.program(
                name: "ffmpeg", problem: "could not be started (\(error.localizedDescription))")
        }
        var text = ""
        while case let data = pipe.fileHandleForReading.availableData, !data.isEmpty {
            text += String(decoding: data, as: UTF8.self)
            for line in text.split(separator: "\n").dropLast() where line.hasPrefix("out_time_us=") {
                let microseconds = Double(line.dropFirst("out_time_us=".count)) ?? 0
                progress(min(1, max(0, microseconds / 1e6 / Double(imageCount * Self.secondsPerImage))))
            }
            text = text.lastIndex(of: "\n").map { String(text[text.index(after: $0)...]) } ?? text
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let words = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            let last = words.split(separator: "\n").last.map { ": \($0)" } ?? ""
            throw CoordinatorError.program(name: "ffmpeg", problem: "failed\(last); its words are in \(log.path)")
        }
    }

    private static func rows(_ reader: SweepReader, _ options: Options) throws -> [GridRow] {
        var seen = Set<CellKey>()
        var rows: [GridRow] = []
        try reader.forEachRow { row in
            guard row.image != nil, options.showsAll || row.verdict == "keep", seen.insert(row.cell).inserted else {
                return
            }
            rows.append(row)
        }
        // `sorted` is stable only by chance.
        return options.order == .grid
            ? rows : rows.sorted { ($0.guidance, $0.position) < ($1.guidance, $1.position) }
    }
}
