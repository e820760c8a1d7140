//! Compiles the C++ side if `HFFIX_INCLUDE` names the folder of hffix's headers: see README.md.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(hffix)");
    println!("cargo::rerun-if-env-changed=HFFIX_INCLUDE");
    println!("cargo::rerun-if-changed=src/hffix.cpp");
    let Some(include) = std::env::var_os("HFFIX_INCLUDE") else { return };
    // As fast as its compiler makes it, on this machine only.
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .opt_level(3)
        .flag("-march=native")
        .define("HFFIX_NO_BOOST_DATETIME", None)
        .include(include)
        .file("src/hffix.cpp")
        .warnings(false)
        .compile("taut_hffix");
    println!("cargo::rustc-cfg=hffix");
}
