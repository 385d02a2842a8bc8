# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_memprobe_global_optspecs
    string join \n p/pid= m/match= l/level= preset= plugin= for= every= freeze= events= event-regex= f/format= o/output= record= force fail-on= pass-status repeat= v/verbose q/quiet plugin-dir= h/help V/version
end

function __fish_memprobe_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_memprobe_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_memprobe_using_subcommand
    set -l cmd (__fish_memprobe_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c memprobe -n "__fish_memprobe_needs_command" -s p -l pid -d 'Watch this process and its children; may be given several times' -r
complete -c memprobe -n "__fish_memprobe_needs_command" -s m -l match -d 'Watch every process whose command line matches this regular expression' -r
complete -c memprobe -n "__fish_memprobe_needs_command" -s l -l level -d 'How deep to look' -r -f -a "high\t'Platform numbers: leak or not, how badly, how often; costs the target nothing'
medium\t'And what the Python interpreter knows'
low\t'And the native heap'"
complete -c memprobe -n "__fish_memprobe_needs_command" -l preset -d 'Use this preset instead of a level: a file, or a name in the configuration folder' -r -F
complete -c memprobe -n "__fish_memprobe_needs_command" -l plugin -d 'Ask this plugin too: a name, or a file; may be given several times' -r -F
complete -c memprobe -n "__fish_memprobe_needs_command" -l for -d 'Watch for this long; without it, until the answer is sure, at most 50 s (a command that was started: until it ends)' -r
complete -c memprobe -n "__fish_memprobe_needs_command" -l every -d 'Look this often instead of as the preset says' -r
complete -c memprobe -n "__fish_memprobe_needs_command" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_needs_command" -l events -d 'Count events in this file: a log that grows by lines, or a file that holds a number' -r -F
complete -c memprobe -n "__fish_memprobe_needs_command" -l event-regex -d 'Count lines that match (in --events FILE, or in the output of the command); a group that matches a number gives the total so far' -r
complete -c memprobe -n "__fish_memprobe_needs_command" -s f -l format -d 'Form of the report' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_needs_command" -s o -l output -d 'Write the report to this file instead of standard output (a started command\'s text report: instead of standard error)' -r -F
complete -c memprobe -n "__fish_memprobe_needs_command" -l record -d 'Keep the whole series in this file, for `memprobe report` and `memprobe diff`' -r -F
complete -c memprobe -n "__fish_memprobe_needs_command" -l fail-on -d 'End with status 1 when this is the verdict; may be given several times' -r -f -a "leak\t'It is a leak'
undecided\t'It cannot be told'"
complete -c memprobe -n "__fish_memprobe_needs_command" -l repeat -d 'Run the command this many times and say whether the growth repeats' -r
complete -c memprobe -n "__fish_memprobe_needs_command" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_needs_command" -l force -d 'Overwrite the files of --output and --record if they exist'
complete -c memprobe -n "__fish_memprobe_needs_command" -l pass-status -d 'End with the exit status of the command that was started, unless memprobe has one to give'
complete -c memprobe -n "__fish_memprobe_needs_command" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_needs_command" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_needs_command" -s V -l version -d 'Print version'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "check" -d 'Prove that a leak is fixed: run a command and fail if it still leaks'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "capture" -d 'Keep everything about this moment of a process in a folder of Parquet tables'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "holders" -d 'Say who holds the objects of a type, or an object, and what would be freed with them'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "biggest" -d 'Say which objects and types hold most memory alone'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "dominators" -d 'Print the tree of what holds what alone'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "garbage" -d 'Say what only reference cycles keep'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "audit" -d 'Say which reference counts nothing in the process accounts for'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "leaks" -d 'Say what grew between two captures, and what holds it'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "show" -d 'Print the tables of a capture'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "compare" -d 'Run two commands in turn and say whether what differs makes a difference to their memory'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "diff" -d 'Compare two recordings, or two captures'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "report" -d 'Make the report of a recording again'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "account" -d 'Say what every resident byte of a process is used for, and with --for which part grows'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "census" -d 'Count the live Python objects of a process by type, once'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "pymalloc" -d 'Say what the small-block allocator of a Python process holds, once'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "malloc" -d 'Say what glibc\'s malloc holds in a process, free and in use, once'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "blocks" -d 'Say what each native block of a Python process is, and what holds it, once'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "gc" -d 'Say how the garbage collector of a Python process stands, once'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "try" -d 'Change one thing in a running process, for a while, and say what difference it makes'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "doctor" -d 'Say what works on a process, what does not, why, and the one thing to change'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "stacks" -d 'Print the Python stacks of all threads of a process, once'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "tracemalloc" -d 'Say which lines allocated the memory of a process that has tracemalloc on, once'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "plugins" -d 'List the plugins that are found, and where they were looked for'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "plugin" -d 'Work with one plugin'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "probes" -d 'Compare the probes by the six characteristics of the trade'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "presets" -d 'List the presets, or show one'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "completions" -d 'Print the completions of a shell'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "man" -d 'Print the manual page'
complete -c memprobe -n "__fish_memprobe_needs_command" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -s l -l level -d 'How deep to look' -r -f -a "high\t'Platform numbers: leak or not, how badly, how often; costs the target nothing'
medium\t'And what the Python interpreter knows'
low\t'And the native heap'"
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l preset -d 'Use this preset instead of a level: a file, or a name in the configuration folder' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l plugin -d 'Ask this plugin too: a name, or a file; may be given several times' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l for -d 'Watch for this long; without it, until the answer is sure, at most 50 s (a command that was started: until it ends)' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l every -d 'Look this often instead of as the preset says' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l events -d 'Count events in this file: a log that grows by lines, or a file that holds a number' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l event-regex -d 'Count lines that match (in --events FILE, or in the output of the command); a group that matches a number gives the total so far' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -s f -l format -d 'Form of the report' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -s o -l output -d 'Write the report to this file instead of standard output (a started command\'s text report: instead of standard error)' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l record -d 'Keep the whole series in this file, for `memprobe report` and `memprobe diff`' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l max-growth -d 'Allow this much growth; without it any leak fails' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l repeat -d 'Run the command this many times' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l warmup -d 'Do not judge the first part of a run: the program is warming up' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l force -d 'Overwrite the files of --output and --record if they exist'
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -l allow-undecided -d 'Let an undecided answer pass, with a warning'
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -l core -d 'Read this core file instead of a process' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -s o -l output -d 'The folder to be made' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -s l -l level -d 'How deep to look' -r -f -a "high\t'Platform numbers: leak or not, how badly, how often; costs the target nothing'
medium\t'And what the Python interpreter knows'
low\t'And the native heap'"
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -l preset -d 'Ask the plugins of this preset instead: a file, or a name in the configuration folder' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -l plugin -d 'Ask this plugin too: a name, or a file; may be given several times' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -s f -l format -d 'Form of what is said of it; JSON is the manifest' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -l force -d 'Replace the capture of --output if there is one'
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -l values -d 'Keep short contents too: the first 64 characters of every text and bytes, and numbers. Without it no contents leave the process'
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand capture" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -s p -l pid -d 'Look at this process instead of a capture' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -l rows -d 'Show at most this many rows of a table' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -s t -l type -d 'The objects of this type, by its full name' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -l object -d 'The object at this address, in hexadecimal' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -l graph -d 'Draw the ways into this file too: dot, or svg if the program `dot` is there' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -l retained -d 'Count what would be freed, instead of telling at most how much that is: takes longer'
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand holders" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand biggest" -s p -l pid -d 'Look at this process instead of a capture' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand biggest" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand biggest" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand biggest" -l rows -d 'Show at most this many rows of a table' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand biggest" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand biggest" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand biggest" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand biggest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand dominators" -s p -l pid -d 'Look at this process instead of a capture' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand dominators" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand dominators" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand dominators" -l rows -d 'Show at most this many rows of a table' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand dominators" -l depth -d 'How many levels' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand dominators" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand dominators" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand dominators" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand dominators" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand garbage" -s p -l pid -d 'Look at this process instead of a capture' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand garbage" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand garbage" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand garbage" -l rows -d 'Show at most this many rows of a table' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand garbage" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand garbage" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand garbage" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand garbage" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand audit" -s p -l pid -d 'Look at this process instead of a capture' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand audit" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand audit" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand audit" -l rows -d 'Show at most this many rows of a table' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand audit" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand audit" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand audit" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand leaks" -s p -l pid -d 'Look at this process twice instead' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand leaks" -l for -d 'How long to wait between the two looks' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand leaks" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand leaks" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand leaks" -l rows -d 'Show at most this many rows of a table' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand leaks" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand leaks" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand leaks" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand leaks" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand show" -l table -d 'Show this table alone; may be given several times' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand show" -l rows -d 'Show at most this many rows of a table' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand show" -s f -l format -d 'Form of the answer; JSON is the manifest, and the tables with all their rows' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand show" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand show" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand show" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -s n -l runs -d 'Run each side this many times' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -l for -d 'Stop a run after this long; one that ends by itself before is watched for all of its life' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -l warmup -d 'Do not judge the first part of each run: the program is warming up' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -l every -d 'Look this often instead of as the preset says' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -l events -d 'Count events in this file: a log that grows by lines, or a file that holds a number' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -l event-regex -d 'Count lines that match (in --events FILE, or in the output of the commands); a group that matches a number gives the total so far' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -l fail-on -d 'End with status 1 when this is the answer; may be given several times' -r -f -a "worse\t'B grows more than A'
not-better\t'B does not grow less than A, or it cannot be told: B is no fix'
undecided\t'It cannot be told'"
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -s o -l output -d 'Write the answer to this file instead of standard output' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -l shell -d 'Have a shell run both, for pipes and variables'
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -l force -d 'Overwrite the file of --output if it exists'
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand diff" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand diff" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand diff" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand diff" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand report" -s f -l format -d 'Form of the report' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand report" -s o -l output -d 'Write the report to this file instead of standard output' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand report" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand report" -l force -d 'Overwrite the file of --output if it exists'
complete -c memprobe -n "__fish_memprobe_using_subcommand report" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand report" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand account" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand account" -l for -d 'Look again after so long, and say which rows grew' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand account" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand account" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand account" -l rows -d 'Show at most this many rows of a table; JSON has all' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand account" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand account" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand account" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand account" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand census" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand census" -l core -d 'Read this core file instead of a process' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand census" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand census" -s f -l format -d 'Form of the answer; JSON is the snapshot of the probe' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand census" -l rows -d 'Show at most this many rows of a table, or frames of a thread' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand census" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand census" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand census" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand census" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand pymalloc" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand pymalloc" -l core -d 'Read this core file instead of a process' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand pymalloc" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand pymalloc" -s f -l format -d 'Form of the answer; JSON is the snapshot of the probe' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand pymalloc" -l rows -d 'Show at most this many rows of a table, or frames of a thread' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand pymalloc" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand pymalloc" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand pymalloc" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand pymalloc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand malloc" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand malloc" -l core -d 'Read this core file instead of a process' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand malloc" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand malloc" -s f -l format -d 'Form of the answer; JSON is the snapshot of the probe' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand malloc" -l rows -d 'Show at most this many rows of a table, or frames of a thread' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand malloc" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand malloc" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand malloc" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand malloc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand blocks" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand blocks" -l core -d 'Read this core file instead of a process' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand blocks" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand blocks" -s f -l format -d 'Form of the answer; JSON is the snapshot of the probe' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand blocks" -l rows -d 'Show at most this many rows of a table, or frames of a thread' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand blocks" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand blocks" -l samples -d 'Show the first 64 bytes of some blocks, too. Without it no contents leave the process'
complete -c memprobe -n "__fish_memprobe_using_subcommand blocks" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand blocks" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand blocks" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand gc" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand gc" -l core -d 'Read this core file instead of a process' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand gc" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand gc" -s f -l format -d 'Form of the answer; JSON is the snapshot of the probe' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand gc" -l rows -d 'Show at most this many rows of a table, or frames of a thread' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand gc" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand gc" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand gc" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand gc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -s h -l help -d 'Print help'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -f -a "gc-off" -d 'Turn the garbage collector off for a while: do cycles make the memory grow?'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -f -a "gc-thresholds" -d 'Set the thresholds of the garbage collector for a while: does it run often enough?'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -f -a "trim" -d 'Have glibc\'s malloc give back what it keeps: is it a leak, or memory that is free?'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -f -a "debugmallocstats" -d 'Have the interpreter\'s allocator tell of itself, beside what is read of it from outside'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -f -a "env" -d 'Run a command with and without variables in its environment, such as MALLOC_ARENA_MAX=2'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -f -a "python" -d 'Run a command with the Python it names and with another one'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -f -a "gc-collect" -d 'Collect garbage now: what comes back, by type, and why had it not?'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -f -a "tracemalloc" -d 'Trace where memory is allocated, for a while: which lines make what stays?'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and not __fish_seen_subcommand_from gc-off gc-thresholds trim debugmallocstats env python gc-collect tracemalloc help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -s p -l pid -d 'The process; or a command after `--`, which is run in turn with and without the collector' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -l for -d 'For how long it is off (60s), of which half, at most 30 s, is measured before and after; of a command: after how long a run is stopped (30s)' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -s f -l format -d 'Form of the answer; JSON is `memprobe.try/1`, of a command `memprobe.compare/1`' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -l rows -d 'Show at most this many rows of a table; JSON has all' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -s n -l runs -d 'Run each side of a command this many times' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -l warmup -d 'Do not judge the first part of each run of a command' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -l event-regex -d 'Count the lines of the output of a command that match; a group that matches a number gives the total so far' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-off" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-thresholds" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-thresholds" -s f -l format -d 'Form of the answer; JSON is `memprobe.try/1`' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-thresholds" -l rows -d 'Show at most this many rows of a table; JSON has all' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-thresholds" -l set -d 'The thresholds, as `gc.set_threshold` takes them; those that are left out stay' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-thresholds" -l for -d 'For how long they are set; half of that, at most 30 s, is measured before and after' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-thresholds" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-thresholds" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-thresholds" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-thresholds" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from trim" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from trim" -s f -l format -d 'Form of the answer; JSON is `memprobe.try/1`' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from trim" -l rows -d 'Show at most this many rows of a table; JSON has all' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from trim" -l for -d 'For how long it is watched afterwards whether the program takes the memory again' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from trim" -l patience -d 'How long the main thread may take to come to a place where it holds no lock' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from trim" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from trim" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from trim" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from trim" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from debugmallocstats" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from debugmallocstats" -s f -l format -d 'Form of the answer; JSON is `memprobe.try/1`' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from debugmallocstats" -l rows -d 'Show at most this many rows of a table; JSON has all' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from debugmallocstats" -l patience -d 'How long the main thread may take to come to the code; then it is taken back' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from debugmallocstats" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from debugmallocstats" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from debugmallocstats" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from debugmallocstats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -s n -l runs -d 'Run each side this many times' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -l for -d 'Stop a run after this long; one that ends by itself before is watched for all of its life' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -l warmup -d 'Do not judge the first part of each run: the program is warming up' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -l every -d 'Look this often instead of as the preset says' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -l events -d 'Count events in this file: a log that grows by lines, or a file that holds a number' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -l event-regex -d 'Count lines that match (in --events FILE, or in the output of the commands); a group that matches a number gives the total so far' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -l fail-on -d 'End with status 1 when this is the answer; may be given several times' -r -f -a "worse\t'B grows more than A'
not-better\t'B does not grow less than A, or it cannot be told: B is no fix'
undecided\t'It cannot be told'"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -s o -l output -d 'Write the answer to this file instead of standard output' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -l force -d 'Overwrite the file of --output if it exists'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from env" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -s n -l runs -d 'Run each side this many times' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -l for -d 'Stop a run after this long; one that ends by itself before is watched for all of its life' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -l warmup -d 'Do not judge the first part of each run: the program is warming up' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -l every -d 'Look this often instead of as the preset says' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -l events -d 'Count events in this file: a log that grows by lines, or a file that holds a number' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -l event-regex -d 'Count lines that match (in --events FILE, or in the output of the commands); a group that matches a number gives the total so far' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -l fail-on -d 'End with status 1 when this is the answer; may be given several times' -r -f -a "worse\t'B grows more than A'
not-better\t'B does not grow less than A, or it cannot be told: B is no fix'
undecided\t'It cannot be told'"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -s f -l format -d 'Form of the answer' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -s o -l output -d 'Write the answer to this file instead of standard output' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -l force -d 'Overwrite the file of --output if it exists'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from python" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-collect" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-collect" -s f -l format -d 'Form of the answer; JSON is `memprobe.try/1`' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-collect" -l rows -d 'Show at most this many rows of a table; JSON has all' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-collect" -l patience -d 'How long the main thread may take to come to the code; then it is taken back' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-collect" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-collect" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-collect" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from gc-collect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from tracemalloc" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from tracemalloc" -s f -l format -d 'Form of the answer; JSON is `memprobe.try/1`' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from tracemalloc" -l rows -d 'Show at most this many rows of a table; JSON has all' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from tracemalloc" -l patience -d 'How long the main thread may take to come to the code; then it is taken back' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from tracemalloc" -l frames -d 'Frames of a traceback that are kept; more say more and cost more' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from tracemalloc" -l for -d 'For how long it is on; it ends at that time even if memprobe is gone' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from tracemalloc" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from tracemalloc" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from tracemalloc" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from tracemalloc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from help" -f -a "gc-off" -d 'Turn the garbage collector off for a while: do cycles make the memory grow?'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from help" -f -a "gc-thresholds" -d 'Set the thresholds of the garbage collector for a while: does it run often enough?'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from help" -f -a "trim" -d 'Have glibc\'s malloc give back what it keeps: is it a leak, or memory that is free?'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from help" -f -a "debugmallocstats" -d 'Have the interpreter\'s allocator tell of itself, beside what is read of it from outside'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from help" -f -a "env" -d 'Run a command with and without variables in its environment, such as MALLOC_ARENA_MAX=2'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from help" -f -a "python" -d 'Run a command with the Python it names and with another one'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from help" -f -a "gc-collect" -d 'Collect garbage now: what comes back, by type, and why had it not?'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from help" -f -a "tracemalloc" -d 'Trace where memory is allocated, for a while: which lines make what stays?'
complete -c memprobe -n "__fish_memprobe_using_subcommand try; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c memprobe -n "__fish_memprobe_using_subcommand doctor" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand doctor" -s f -l format -d 'Form of the answer; JSON is `memprobe.doctor/1`' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand doctor" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand doctor" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand doctor" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand stacks" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand stacks" -l core -d 'Read this core file instead of a process' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand stacks" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand stacks" -s f -l format -d 'Form of the answer; JSON is the snapshot of the probe' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand stacks" -l rows -d 'Show at most this many rows of a table, or frames of a thread' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand stacks" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand stacks" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand stacks" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand stacks" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand tracemalloc" -s p -l pid -d 'The process' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand tracemalloc" -l core -d 'Read this core file instead of a process' -r -F
complete -c memprobe -n "__fish_memprobe_using_subcommand tracemalloc" -l freeze -d 'Hold the process still while its memory is read' -r -f -a "auto\t'As fork where that can be had, else as stop'
fork\t'Read a copy that the process makes of itself: a pause of about 20 ms per GB'
stop\t'Stop it for as long as it is read'
none\t'Read it while it runs: no pause, but figures may be torn'"
complete -c memprobe -n "__fish_memprobe_using_subcommand tracemalloc" -s f -l format -d 'Form of the answer; JSON is the snapshot of the probe' -r -f -a "text\t'For people'
json\t'For programs: `memprobe.report/1`'
markdown\t'For pasting into an issue tracker'"
complete -c memprobe -n "__fish_memprobe_using_subcommand tracemalloc" -l rows -d 'Show at most this many rows of a table, or frames of a thread' -r
complete -c memprobe -n "__fish_memprobe_using_subcommand tracemalloc" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand tracemalloc" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand tracemalloc" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand tracemalloc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugins" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand plugins" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugins" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugins" -s h -l help -d 'Print help'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and not __fish_seen_subcommand_from check help" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and not __fish_seen_subcommand_from check help" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and not __fish_seen_subcommand_from check help" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and not __fish_seen_subcommand_from check help" -s h -l help -d 'Print help'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and not __fish_seen_subcommand_from check help" -f -a "check" -d 'Check that a plugin keeps the contract'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and not __fish_seen_subcommand_from check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and __fish_seen_subcommand_from check" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and __fish_seen_subcommand_from check" -l in-process -d 'Run the checks in this process; a crash of the plugin is then a crash of memprobe'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check that a plugin keeps the contract'
complete -c memprobe -n "__fish_memprobe_using_subcommand plugin; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c memprobe -n "__fish_memprobe_using_subcommand probes" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand probes" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand probes" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand probes" -s h -l help -d 'Print help'
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and not __fish_seen_subcommand_from show help" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and not __fish_seen_subcommand_from show help" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and not __fish_seen_subcommand_from show help" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help'
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Print a preset as TOML, to be read or copied'
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and __fish_seen_subcommand_from show" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print a preset as TOML, to be read or copied'
complete -c memprobe -n "__fish_memprobe_using_subcommand presets; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c memprobe -n "__fish_memprobe_using_subcommand completions" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand completions" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand completions" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand completions" -s h -l help -d 'Print help'
complete -c memprobe -n "__fish_memprobe_using_subcommand man" -l plugin-dir -d 'Look for plugins in this folder first; may be given several times' -r -f -a "(__fish_complete_directories)"
complete -c memprobe -n "__fish_memprobe_using_subcommand man" -s v -l verbose -d 'Say more about what is done, on standard error (-v, -vv, -vvv)'
complete -c memprobe -n "__fish_memprobe_using_subcommand man" -s q -l quiet -d 'Show no progress, only the result and errors'
complete -c memprobe -n "__fish_memprobe_using_subcommand man" -s h -l help -d 'Print help'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "check" -d 'Prove that a leak is fixed: run a command and fail if it still leaks'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "capture" -d 'Keep everything about this moment of a process in a folder of Parquet tables'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "holders" -d 'Say who holds the objects of a type, or an object, and what would be freed with them'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "biggest" -d 'Say which objects and types hold most memory alone'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "dominators" -d 'Print the tree of what holds what alone'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "garbage" -d 'Say what only reference cycles keep'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "audit" -d 'Say which reference counts nothing in the process accounts for'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "leaks" -d 'Say what grew between two captures, and what holds it'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "show" -d 'Print the tables of a capture'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "compare" -d 'Run two commands in turn and say whether what differs makes a difference to their memory'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "diff" -d 'Compare two recordings, or two captures'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "report" -d 'Make the report of a recording again'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "account" -d 'Say what every resident byte of a process is used for, and with --for which part grows'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "census" -d 'Count the live Python objects of a process by type, once'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "pymalloc" -d 'Say what the small-block allocator of a Python process holds, once'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "malloc" -d 'Say what glibc\'s malloc holds in a process, free and in use, once'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "blocks" -d 'Say what each native block of a Python process is, and what holds it, once'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "gc" -d 'Say how the garbage collector of a Python process stands, once'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "try" -d 'Change one thing in a running process, for a while, and say what difference it makes'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "doctor" -d 'Say what works on a process, what does not, why, and the one thing to change'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "stacks" -d 'Print the Python stacks of all threads of a process, once'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "tracemalloc" -d 'Say which lines allocated the memory of a process that has tracemalloc on, once'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "plugins" -d 'List the plugins that are found, and where they were looked for'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "plugin" -d 'Work with one plugin'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "probes" -d 'Compare the probes by the six characteristics of the trade'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "presets" -d 'List the presets, or show one'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "completions" -d 'Print the completions of a shell'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "man" -d 'Print the manual page'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and not __fish_seen_subcommand_from check capture holders biggest dominators garbage audit leaks show compare diff report account census pymalloc malloc blocks gc try doctor stacks tracemalloc plugins plugin probes presets completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and __fish_seen_subcommand_from try" -f -a "gc-off" -d 'Turn the garbage collector off for a while: do cycles make the memory grow?'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and __fish_seen_subcommand_from try" -f -a "gc-thresholds" -d 'Set the thresholds of the garbage collector for a while: does it run often enough?'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and __fish_seen_subcommand_from try" -f -a "trim" -d 'Have glibc\'s malloc give back what it keeps: is it a leak, or memory that is free?'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and __fish_seen_subcommand_from try" -f -a "debugmallocstats" -d 'Have the interpreter\'s allocator tell of itself, beside what is read of it from outside'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and __fish_seen_subcommand_from try" -f -a "env" -d 'Run a command with and without variables in its environment, such as MALLOC_ARENA_MAX=2'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and __fish_seen_subcommand_from try" -f -a "python" -d 'Run a command with the Python it names and with another one'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and __fish_seen_subcommand_from try" -f -a "gc-collect" -d 'Collect garbage now: what comes back, by type, and why had it not?'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and __fish_seen_subcommand_from try" -f -a "tracemalloc" -d 'Trace where memory is allocated, for a while: which lines make what stays?'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and __fish_seen_subcommand_from plugin" -f -a "check" -d 'Check that a plugin keeps the contract'
complete -c memprobe -n "__fish_memprobe_using_subcommand help; and __fish_seen_subcommand_from presets" -f -a "show" -d 'Print a preset as TOML, to be read or copied'
