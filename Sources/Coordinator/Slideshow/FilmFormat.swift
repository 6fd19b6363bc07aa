import Foundation

/// What kind of film a file name asks for, and ffmpeg's arguments for it.
enum FilmFormat: String, CaseIterable {
    case mp4, webm, gif

    /// A fade takes one of these parts of an image's time: the image stands for all parts but the last, in which it turns
    /// into the next.
    static let framesPerFade = 6

    /// - Throws: ``CoordinatorError/option(name:value:wanted:)`` for an ending that is none of the cases.
    init(_ output: URL) throws(CoordinatorError) {
        guard let format = FilmFormat(rawValue: output.pathExtension.lowercased()) else {
            throw .option(
                name: "-o", value: output.relativePath, wanted: "a file name that ends in .mp4, .webm or .gif")
        }
        self = format
    }

    /// - Parameters:
    ///   - frames: The pattern of the frames' names.
    ///   - size: What all frames are brought to; `nil` when they have one even size.
    ///   - isFading: Whether each image stands ``framesPerFade`` times.
    ///   - output: The file to write.
    /// - Returns: The program and its arguments.
    func command(frames: String, size: (width: Int, height: Int)?, isFading: Bool, output: String) -> [String] {
        let rate = isFading ? "\(Self.framesPerFade)/\(Slideshow.secondsPerImage)" : "1/\(Slideshow.secondsPerImage)"
        var command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostats", "-progress", "pipe:1", "-y"]
        command += ["-framerate", rate, "-i", frames]
        var filters: [String] = []
        if let size {
            filters.append("scale=\(size.width):\(size.height):force_original_aspect_ratio=decrease")
            filters.append("pad=\(size.width):\(size.height):(ow-iw)/2:(oh-ih)/2")
        }
        if isFading {
            // Between equal frames the blend shows nothing; between two images it lasts one frame of the input.
            filters.append("framerate=fps=\(self == .gif ? 15 : 30):interp_start=0:interp_end=255:scene=100")
        }
        if self == .gif { filters.append("split[a][b];[a]palettegen[p];[b][p]paletteuse") }
        if !filters.isEmpty { command += ["-vf", filters.joined(separator: ",")] }
        switch self {
        case .mp4: command += ["-c:v", "libx264", "-r", "30", "-pix_fmt", "yuv420p"]
        case .webm: command += ["-c:v", "libvpx-vp9", "-crf", "30", "-b:v", "0", "-r", "30", "-pix_fmt", "yuv420p"]
        case .gif: break
        }
        return command + [output]
    }
}
