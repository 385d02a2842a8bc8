# Sourced by the scripts that take Debian's packages for the tests.

# configure_apt FOLDER TYPES SUITES: an apt of our own. No state of the machine's is read or
# written but its mirror and its keys. Every file is checked by apt: the lists against the
# archive's signature, with the keys that the machine trusts, and the packages against the
# hashes in the lists.
configure_apt() {
    local folder=$1 types=$2 suites=$3 mirror keys='' suite file
    mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' \
        'Identifier: Packages' | grep -m 1 '^Debian|Debian|' | cut -d '|' -f 3) || return 1
    # Debian's own keys, where they are apart from all others that apt trusts.
    for file in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
        if [ -e "$file" ]; then keys="Signed-By: $file"$'\n'; fi
    done
    mkdir -p "$folder"/apt/{lists/partial,cache/archives/partial,sources}
    : > "$folder/apt/status"
    for suite in $suites; do
        printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\n%s\n' \
            "$types" "$mirror" "$suite" "$keys"
    done > "$folder/apt/sources/debian.sources"
    # How the machine reaches mirrors, proxies and all, stays; nothing else of its settings.
    apt-config dump Acquire > "$folder/apt/conf"
    cat >> "$folder/apt/conf" << END
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::State "$folder/apt";
Dir::State::status "$folder/apt/status";
Dir::Cache "$folder/apt/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$folder/apt/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Install-Recommends "false";
APT::Sandbox::User "";
END
    export APT_CONFIG=$folder/apt/conf
}
