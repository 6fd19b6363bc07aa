import ArgumentParser
import Coordinator
import Foundation

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Renders finished cells of a sweep again, here, and compares the pixels.",
        discussion: """
            On the instruction set that an image was made with, by the same version, every pixel must be the same. \
            Across instruction sets, additions are made in another order, and a likeness of \(ProgressText.rounded(ImageVerdict.leastLikeness)) dB \
            (PSNR) is enough. What differs is named with its worker. Exit codes: 0 all agree, 2 some differ, 1 it could \
            not be found out.

            tmdne verify mathematicians --sample 2%
            """)

    @Argument(help: "The directory of the sweep.")
    var directory: String

    @Option(help: "How many of the finished cells, drawn at random: a share such as 2%, or a number.")
    var sample = VerifySample.share(100)

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    func run() throws {
        let verification = try SweepVerification(SweepDirectory(URL(filePath: directory)), sample: sample)
        var verdicts: [ImageVerdict] = []
        try verification.run { verdict in
            verdicts.append(verdict)
            if !json, !verdict.isFine { Console.print(verdict.line) }
            if Console.isTerminal { Console.rewrite("\(verdicts.count) of \(verification.count) cells are verified") }
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
