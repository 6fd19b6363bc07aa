import ArgumentParser
import Diffusion

/// What products of the networks are computed in, as people name it.
enum PrecisionChoice: String, CaseIterable, ExpressibleByArgument {
    /// Single precision: the pictures of a sweep do not depend on which of its workers renders them.
    case auto
    case fp32
    case bf16

    var precision: Precision { self == .bf16 ? .bf16 : .fp32 }

    static let help: ArgumentHelp =
        "Precision of the networks: auto, fp32, or bf16, which takes less memory, and is faster where `tmdne doctor` says so; auto is fp32."
}
