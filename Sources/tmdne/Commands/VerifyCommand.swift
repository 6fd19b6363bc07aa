import ArgumentParser
import Coordinator
import Foundation

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Renders images again and compares the pixels.",
        discussion: """
            Every image that tmdne made carries all that it was made from, and a sweep's directory knows it too. On the \
            instruction set that an image was made with, by the same version, every pixel must be the same. Across \
            instruction sets additions are made in another order: between the images of a sweep a likeness of \
            \(ProgressText.rounded(ImageVerdict.leastLikeness)) dB (PSNR) is enough then, and what differs is named with \
            its worker. Exit codes: 0 all agree, 1 it could not be found out, or single images differ, 2 some of a sweep's \
            differ.

            A sweep's images are rendered again here, or, with --listen, by the workers that join with the line that is \
            printed: each image by another worker than the one that made it, if there is any.

            tmdne verify mathematicians --sample 2%
            tmdne verify mathematicians --sample 2% --listen 0.0.0.0:7709
            tmdne verify image.png demo/images/*/*.png
            """)

    @Argument(help: "The directory of a sweep, or images that tmdne rendered.")
    var paths: [String]

    @Option(help: "Of a sweep: how many of the finished cells, drawn at random: a share such as 2%, or a number.")
    var sample = VerifySample.share(100)

    @Option(help: "Of a sweep: address and port at which workers join to render the sample again.")
    var listen: ListenAddress?

    @Option(help: "Host to name in the join token, where others know this machine by another address; may be repeated.")
    var advertise: [String] = []

    @OptionGroup var log: LogOptions

    @Option(help: "Of images: the greatest difference of a pixel, of 255 levels, that still counts as the same.")
    var tolerance = 0

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    func validate() throws {
        guard !paths.isEmpty else { throw ValidationError("Name the directory of a sweep, or the images to verify.") }
        guard (0...255).contains(tolerance) else {
            throw ValidationError("--tolerance \(tolerance) is not possible; choose between 0 and 255.")
        }
    }

    func run() async throws {
        var isFolder: ObjCBool = false
        if paths.count == 1, FileManager.default.fileExists(atPath: paths[0], isDirectory: &isFolder),
            isFolder.boolValue
        {
            try await verifySweep(SweepDirectory(URL(filePath: paths[0])))
        } else {
            guard listen == nil else {
                throw ValidationError("--listen needs the directory of a sweep; single images are verified here.")
            }
            try verifyImages()
        }
    }

    private func verifyImages() throws {
        let verifier = ImageVerifier()
        var failures = 0
        for path in paths {
            let verdict = verifier.verify(path, tolerance: tolerance)
            if !verdict.isSame { failures += 1 }
            if json { try Console.print(json: verdict, isPretty: false) } else { Console.print(verdict.line) }
        }
        if failures > 0 { throw ExitCode.failure }
    }

    private func verifySweep(_ directory: SweepDirectory) async throws {
        let verification = try SweepVerification(directory, sample: sample)
        var verdicts: [ImageVerdict] = []
        func take(_ verdict: ImageVerdict) {
            verdicts.append(verdict)
            if !json, !verdict.isFine { Console.print(verdict.line) }
            if Console.isTerminal { Console.rewrite("\(verdicts.count) of \(verification.count) cells are verified") }
        }
        if let listen {
            try await verification.run(
                listeningOn: listen, advertising: advertise, logger: log.logger("tmdne"), take)
        } else {
            try verification.runHere(take)
        }
        if Console.isTerminal { Console.rewrite("") }
        let different = verdicts.count { !$0.isFine }
        if json {
            try Console.print(json: verdicts)
        } else {
            let equal = verdicts.count { $0.outcome == .equal }
            Console.print(
                "\(verdicts.count) cells rendered again: \(equal) equal, \(verdicts.count - equal - different) alike, "
                    + "\(different) different.")
        }
        guard different == 0 else { throw ExitCode.partlyFailed }
    }
}

/// How much is looked at.
enum VerifySample: ExpressibleByArgument {
    /// In percent.
    case share(Double)
    case number(Int)

    init?(argument: String) {
        if argument.hasSuffix("%") {
            guard let percent = Double(argument.dropLast()), percent > 0, percent <= 100 else { return nil }
            self = .share(percent)
        } else {
            guard let number = Int(argument), number > 0 else { return nil }
            self = .number(number)
        }
    }

    var defaultValueDescription: String { "100%" }

    /// How many of `count` things are looked at: one at least, where there are any.
    func size(of count: Int) -> Int {
        switch self {
        case .share(let percent): min(count, Int((Double(count) * percent / 100).rounded(.up)))
        case .number(let number): min(count, number)
        }
    }
}
