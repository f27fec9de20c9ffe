# Names and variants are those of Spack's own packages; the versions, those that cmake/CheriDependencies.cmake asks for.
from spack_repo.builtin.build_systems.cmake import CMakePackage, generator

from spack.package import *


class Cheri(CMakePackage):
    """Trains and runs Cherimoya models, which predict a base-resolution signal from DNA."""

    license("MIT")

    version("0.1.0")  # nothing to download: spack.yaml names the folder of the tree

    variant("openmp", default=True, description="Threads on the cores; without, one core a rank")
    variant("cuda", default=False, description="NVIDIA Hopper GPUs (sm_90)")
    variant("nccl", default=True, when="+cuda", description="Exchange gradients between GPUs by NCCL")
    variant("tests", default=False, description="Build the tests, which `spack install --test=root` runs")

    generator("ninja")  # which the tests call by name

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")

    depends_on("kokkos@4.5:4 cxxstd=20")
    depends_on("kokkos +openmp", when="+openmp")
    with when("+cuda"):
        depends_on("kokkos +cuda +cuda_lambda +wrapper cuda_arch=90")
        depends_on("cuda@12:")  # the first with C++20 and sm_90a
    depends_on("nccl@2.18: +cuda cuda_arch=90", when="+nccl")
    depends_on("mpi@3:")
    depends_on("hdf5@1.10.3:")  # with or without MPI: its serial interface is used
    depends_on("libbigwig +curl")  # it names zlib among its own needs only by way of curl
    depends_on("openssl")
    depends_on("zlib-api")
    depends_on("fmt@8:")
    depends_on("spdlog")
    depends_on("cli11")
    depends_on("nlohmann-json@3.9:3")
    depends_on("tomlplusplus")
    with when("+tests"):
        depends_on("googletest", type="build")
        depends_on("python", type="build")
        depends_on("py-h5py", type="build")
        depends_on("py-numpy", type="build")

    sanity_check_is_file = ["bin/cheri"]

    def cmake_args(self):
        args = [
            self.define_from_variant("CHERI_TESTS", "tests"),
            self.define("CHERI_NCCL", self.spec.satisfies("+nccl")),
            self.define("CCACHE", False),  # Spack has its own switch for it
        ]
        if self.spec.satisfies("+cuda"):
            args += [
                self.define("CMAKE_CXX_COMPILER", self["kokkos"].kokkos_cxx),
                self.define("CMAKE_CXX_FLAGS", "-arch=sm_90"),
            ]
        return args

    def test_synthesize(self):
        """`spack test run cheri`: the installed program starts and writes a file"""
        cheri = Executable(self.prefix.bin.cheri)
        cheri("--version")
        cheri("synthesize", "--sites", "20", "--out", "small.tracks.h5")
        cheri("inspect", "small.tracks.h5")
