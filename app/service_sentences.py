"""Sentences of the service that a user of the window can meet, as app.sentences finds and translates them. A blank, `{name}`,
stands for what the service put in; its name is free, its place is not.

tests/app/test_sentences.py compares this with what core says: a sentence that changed there, or is new, fails it.
"""

from __future__ import annotations

from app.texts import QT_TRANSLATE_NOOP

# fmt: off
SENTENCES = (
    QT_TRANSLATE_NOOP("Service", "The Deskside service ended {end}."),
    QT_TRANSLATE_NOOP("Service", "The Deskside service does not answer; it may have been stopped."),
    QT_TRANSLATE_NOOP(
        "Service",
        "The folder of models and engines is '{library}', which is relative to wherever a program starts; give "
        "an absolute one as `library`.",
    ),
    QT_TRANSLATE_NOOP("Service", "{file} cannot be written ({strerror}); correct its permissions."),
    QT_TRANSLATE_NOOP("Service", "{file} is not valid TOML ({error}); correct it or remove it."),
    QT_TRANSLATE_NOOP("Service", "{file} cannot be read ({strerror}); correct its permissions."),
    QT_TRANSLATE_NOOP("Service", "The question is empty; ask something."),
    QT_TRANSLATE_NOOP(
        "Service",
        "The question leaves {room} of the {context} tokens of '{model}' for the document; ask a shorter one, "
        "or take a model with more context.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The model '{model}' takes {context} tokens, too few to summarize a document with this request; take a "
        "model with more context, or a shorter focus.",
    ),
    QT_TRANSLATE_NOOP("Service", "There are more than {MAX_FILES} files; choose fewer."),
    QT_TRANSLATE_NOOP("Service", "There is no file or folder '{path}'."),
    QT_TRANSLATE_NOOP("Service", "'{path}' is no file."),
    QT_TRANSLATE_NOOP(
        "Service", "'{name}' is damaged or no {what} ({why}); open it in its own program and save it again."
    ),
    QT_TRANSLATE_NOOP("Service", "'{name}' is protected by a password; save a copy without one and use that."),
    QT_TRANSLATE_NOOP("Service", "'{name}' cannot be used: {why}."),
    QT_TRANSLATE_NOOP("Service", "it holds no text"),
    QT_TRANSLATE_NOOP("Service", "'{path}' cannot be read: its reader {reason}; the file is probably damaged."),
    QT_TRANSLATE_NOOP("Service", "'{path}' cannot be read: its reader sent what nobody understands."),
    QT_TRANSLATE_NOOP("Service", "'{path}' is of a kind that is not read; save it as one of {kinds}."),
    QT_TRANSLATE_NOOP("Service", "There is no file '{path}'."),
    QT_TRANSLATE_NOOP("Service", "'{path}' cannot be read ({strerror})."),
    QT_TRANSLATE_NOOP("Service", "It was stopped before it was done."),
    QT_TRANSLATE_NOOP("Service", "'{folder}' cannot be used ({strerror})."),
    QT_TRANSLATE_NOOP("Service", "The job failed because of a fault in Deskside; '{log}' has the details."),
    QT_TRANSLATE_NOOP("Service", "There is no space left on the disk of '{place}'; free some, then resume."),
    QT_TRANSLATE_NOOP("Service", "{MAX_OPEN} jobs are waiting already; cancel some, or try again later."),
    QT_TRANSLATE_NOOP("Service", "There is no job '{job_id}'."),
    QT_TRANSLATE_NOOP("Service", "The job '{job_id}' is {value}; cancel it first."),
    QT_TRANSLATE_NOOP("Service", "The list of jobs is not open yet."),
    QT_TRANSLATE_NOOP("Service", "The job '{job_id}' is {value} and cannot be resumed."),
    QT_TRANSLATE_NOOP(
        "Service",
        "'{path}' was written by a newer Deskside (form {version}, this one knows {migrations}); update "
        "Deskside.",
    ),
    QT_TRANSLATE_NOOP("Service", "The process of this job {reason} before it was done; resume to try again."),
    QT_TRANSLATE_NOOP("Service", "The model '{model}' is not ready; resume the job in a moment."),
    QT_TRANSLATE_NOOP("Service", "The Deskside service does not answer; resume the job when it runs."),
    QT_TRANSLATE_NOOP(
        "Service",
        "The list of jobs in '{path}' cannot be used ({error}); free space or see its rights.",
    ),
    QT_TRANSLATE_NOOP("Service", "{asked} is an engine; give the model that it was built of."),
    QT_TRANSLATE_NOOP("Service", "The engine {name} is being built already{lock_file}; wait for that or stop it."),
    QT_TRANSLATE_NOOP(
        "Service",
        "The engine of {model} in {precision} needs {needed} GB, but the disk with {engines} has only {free} "
        "GB free; free {free2} GB and go on, or move models and engines to another disk (Settings, Storage).",
    ),
    QT_TRANSLATE_NOOP("Service", "There is no model or folder '{model}'; installed are: {names}."),
    QT_TRANSLATE_NOOP("Service", "{path} holds no JSON object; download the model again."),
    QT_TRANSLATE_NOOP("Service", "The folder '{model}' cannot be opened ({strerror}); correct its permissions."),
    QT_TRANSLATE_NOOP("Service", "There is no model or folder {model} ({error})."),
    QT_TRANSLATE_NOOP("Service", "{path} cannot be used: {message} Correct it, or download it again."),
    QT_TRANSLATE_NOOP("Service", "There is no {path}; choose a folder that holds a Hugging Face checkpoint."),
    QT_TRANSLATE_NOOP("Service", "{path} cannot be read ({strerror}); correct its permissions."),
    QT_TRANSLATE_NOOP("Service", "{path} is not valid JSON ({error}); download the model again."),
    QT_TRANSLATE_NOOP("Service", "{host} refuses to send a file of {repo} (HTTP {status}); try again later."),
    QT_TRANSLATE_NOOP("Service", "{netloc} redirects to an address that is not safe ({schemes})."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{url} is not on {host} any more, though {repo} lists it; start the download again.",
    ),
    QT_TRANSLATE_NOOP("Service", "The network cannot be used ({error}); check the proxy settings of this system."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{path} of {repo} arrived twice with a wrong checksum; something on the way changes it, or the Hub's "
        "copy is damaged. Try again later or from another network.",
    ),
    QT_TRANSLATE_NOOP("Service", "{message} A model on the Hub is written ORGANIZATION/NAME."),
    QT_TRANSLATE_NOOP("Service", "The repository {repo} gives no usable hash for {path}; it cannot be verified."),
    QT_TRANSLATE_NOOP("Service", "The Hub cannot answer the search at the moment; try again later."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{repo} is gated and your account may not read it (HTTP {status}): accept the licence at {page}, then "
        "try again; some authors take a while to approve, and the token needs the permission to read gated "
        "models.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The Hub refuses {repo} with your access token (HTTP {status}); check at {page} that the name is right "
        "and that this token may read it.",
    ),
    QT_TRANSLATE_NOOP("Service", "Hugging Face's client is offline by HF_HUB_OFFLINE; unset it to download."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{repo} has no revision '{revision}'; its branches and commits are at {repo2}/tree/main.",
    ),
    QT_TRANSLATE_NOOP("Service", "'{repo}' is no name of a model; write it as on the Hub, such as Qwen/Qwen3-8B."),
    QT_TRANSLATE_NOOP("Service", "There is no model {repo} on {endpoint}; check the name at {repo2}."),
    QT_TRANSLATE_NOOP("Service", "There is no folder {folder}."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{folder} has no safetensors weights; choose the folder of a Hugging Face checkpoint.",
    ),
    QT_TRANSLATE_NOOP("Service", "The demo model is part of Deskside and cannot be removed."),
    QT_TRANSLATE_NOOP("Service", "The model {name} is being downloaded{pull_path}; stop the download first."),
    QT_TRANSLATE_NOOP("Service", "The engine {engine} is being built; cancel that first."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{folder} cannot be removed ({strerror}); end the program that uses it, then try again.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "Not all of {trash} could be deleted ({strerror}); correct its permissions and delete that folder.",
    ),
    QT_TRANSLATE_NOOP("Service", "The build was stopped."),
    QT_TRANSLATE_NOOP(
        "Service",
        "Models and engines are being moved to another folder; try again when that is done.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "A model is in use, being downloaded or being built; unload it, or wait for that, then move models and "
        "engines.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "{removeprefix} is in use by a running Deskside; unload it or end that program, then try again.",
    ),
    QT_TRANSLATE_NOOP("Service", "{path} cannot be locked ({strerror}); keep the models on a local disk."),
    QT_TRANSLATE_NOOP("Service", "{removeprefix} is being removed or replaced; try again in a moment."),
    QT_TRANSLATE_NOOP("Service", "{path} cannot be used ({error}); remove the model and link its folder again."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{place} cannot be read or written ({strerror}); models and engines are where they were. Correct that, "
        "or choose another folder.",
    ),
    QT_TRANSLATE_NOOP("Service", "Models and engines are being moved; wait for that, or cancel it first."),
    QT_TRANSLATE_NOOP(
        "Service",
        "Models and engines need {needed} GB, but the disk with {target} has only {free} GB free; free {free2} "
        "GB there, or choose another folder. Nothing was changed.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The disk with {target} is full; free some space there and go on, or cancel. Models and engines are "
        "where they were.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The file system with {target} cannot hold a file this large (FAT32 ends at 4 GB); choose a folder on "
        "another disk.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "{twin} is not what was written there: that disk fails. Everything is as it was; choose another disk.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "'{text}' has no usable revision; write REPO@REVISION with a branch, a tag or a commit.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The repository {repo} names a file {path}, which could be written outside of the model's folder; do "
        "not use this model.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "{path} cannot be written ({strerror}); correct its permissions, or choose another folder for models.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The disk with {parent} is full: this file alone needs another {missing} GB; free some space and start "
        "the download again, it goes on where it stopped.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The file system with {parent} cannot hold a file this large (FAT32 ends at 4 GB); move models and "
        "engines to another disk (Settings, Storage).",
    ),
    QT_TRANSLATE_NOOP("Service", "The name 'demo' belongs to the model that ships with Deskside."),
    QT_TRANSLATE_NOOP("Service", "{name} is being downloaded already{holder}; wait for that or stop it."),
    QT_TRANSLATE_NOOP("Service", "{target} is {what}; remove or rename it first."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{repo} needs another {missing} and {TEMPORARY} of working space, but the disk with {models} has only "
        "{free} free; free {free2}, or move models and engines to another disk (Settings, Storage).",
    ),
    QT_TRANSLATE_NOOP("Service", "config.json of {repo} holds no JSON object; choose another model."),
    QT_TRANSLATE_NOOP("Service", "{file} on the Hub is not a safetensors file ({error}); choose another model."),
    QT_TRANSLATE_NOOP("Service", "config.json of {repo} is not valid JSON ({error}); choose another model."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{what} failed: {reason}, and the server asks to wait {retry_after} minutes; try again then, {kept}.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "{what} failed {failures} times in a row: {reason}; check the network and try again, {kept}.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "{repo} has no config.json; it is no model that can be run here, or only a part of one.",
    ),
    QT_TRANSLATE_NOOP("Service", "{file} of {repo} has {size} MB, more than any such file needs."),
    QT_TRANSLATE_NOOP("Service", "{INDEX_FILE} of {repo} cannot be used ({error}); the model is damaged."),
    QT_TRANSLATE_NOOP("Service", "{INDEX_FILE} of {repo} names {shard}, which is no safetensors file beside it."),
    QT_TRANSLATE_NOOP("Service", "{repo} lacks {shard}, which its {INDEX_FILE} names; its upload is not complete."),
    QT_TRANSLATE_NOOP("Service", "{folder} has no safetensors weights; download the model again."),
    QT_TRANSLATE_NOOP("Service", "{source} has no usable {keys}; how much memory the model needs cannot be told."),
    QT_TRANSLATE_NOOP("Service", "{path} is not a safetensors file ({error}); download the model again."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{target} cannot be written ({strerror}); end programs that use it or correct its permissions, then "
        "start the download again: nothing is lost.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The environment variable {held_by} says where models and engines lie; unset it, then choose.",
    ),
    QT_TRANSLATE_NOOP("Service", "{text} is no absolute folder; give its whole path."),
    QT_TRANSLATE_NOOP("Service", "Models and engines lie in {target} already."),
    QT_TRANSLATE_NOOP("Service", "{target} is in the cache, which may be deleted at any time; choose another."),
    QT_TRANSLATE_NOOP("Service", "{target} is a file; choose a folder."),
    QT_TRANSLATE_NOOP("Service", "There is no folder {parent}; connect its disk, or make the folder first."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{target} holds models or engines already; choose an empty folder, or use it as it is without moving.",
    ),
    QT_TRANSLATE_NOOP("Service", "{target} and {root} lie inside each other; choose a folder of its own."),
    QT_TRANSLATE_NOOP(
        "Service",
        "The token from {source} is no access token; copy it from your settings on the Hub.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "A Deskside service holds {service_lock}, but does not answer; end its process and try again.",
    ),
    QT_TRANSLATE_NOOP("Service", "Another Deskside service of this user is running; {path} is in use."),
    QT_TRANSLATE_NOOP("Service", "The Deskside service did not answer within {timeout} seconds; {logs} may say why."),
    QT_TRANSLATE_NOOP("Service", "The service (process {pid}) was asked to stop, but still runs; end that process."),
    QT_TRANSLATE_NOOP("Service", "The Deskside service did not start in time; {log} may say why."),
    QT_TRANSLATE_NOOP("Service", "The Deskside service {describe_exit} while it started; see {log}."),
    QT_TRANSLATE_NOOP("Service", "The engine of '{name}' is being started; retry in a moment."),
    QT_TRANSLATE_NOOP("Service", "The engine of '{name}' has more requests than it can take; retry later."),
    QT_TRANSLATE_NOOP("Service", "The model '{name}' is not loaded any more; load it again."),
    QT_TRANSLATE_NOOP("Service", "The engine of '{name}' is busy and does not answer; retry later."),
    QT_TRANSLATE_NOOP("Service", "The engine of '{name}' {words}; retry in a moment."),
    QT_TRANSLATE_NOOP("Service", "The engine of '{name}' {words} while loading."),
    QT_TRANSLATE_NOOP("Service", "{sequences} answers are asked for, and one client may have {share} open."),
    QT_TRANSLATE_NOOP("Service", "{total} answers are being made or wait, and at most {limit} may; try again later."),
    QT_TRANSLATE_NOOP(
        "Service",
        "This client has {client} answers open, and one client may have {share}; wait for some to end.",
    ),
    QT_TRANSLATE_NOOP("Service", "The model '{name}' is not ready; try again in a moment."),
    QT_TRANSLATE_NOOP("Service", "The model '{name}' is still being loaded; unload it afterwards."),
    QT_TRANSLATE_NOOP("Service", "The model '{name}' is not loaded."),
    QT_TRANSLATE_NOOP("Service", "{wanted} do not fit the {capacity} tokens that this model can hold here; {hint}."),
    QT_TRANSLATE_NOOP("Service", "The model was unloaded or the service stopped before this answer was complete."),
    QT_TRANSLATE_NOOP("Service", "Models and engines are being moved already; wait for that, or cancel it first."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{names} is at work; wait until it is done, or stop it, then move models and engines.",
    ),
    QT_TRANSLATE_NOOP("Service", "The job '{id}' is {value}, so it has no report{job}."),
    QT_TRANSLATE_NOOP("Service", "The report '{result}' cannot be read ({name}); run the job again."),
    QT_TRANSLATE_NOOP("Service", "The {role} process cannot be started ({strerror})."),
    QT_TRANSLATE_NOOP("Service", "The prompt is empty; give at least one token."),
    QT_TRANSLATE_NOOP("Service", "{waiting} sequences are waiting already, the limit is {limit}; retry later."),
    QT_TRANSLATE_NOOP("Service", "The prompt is empty; give at least one character."),
    QT_TRANSLATE_NOOP("Service", "The chat template makes an empty prompt of these messages."),
    QT_TRANSLATE_NOOP("Service", "{file} is not a usable tokenizer ({reason}); download the model again."),
    QT_TRANSLATE_NOOP("Service", "{file} cannot be read: {strerror}."),
    QT_TRANSLATE_NOOP("Service", "The text cannot be tokenized: it is not valid Unicode ({error})."),
    QT_TRANSLATE_NOOP("Service", "There is not enough memory to load {folder}; free some."),
    QT_TRANSLATE_NOOP("Service", "There is not enough memory for this request; shorten it or retry later."),
    QT_TRANSLATE_NOOP("Service", "The engine's process ran out of memory; free some or load a smaller model."),
    QT_TRANSLATE_NOOP("Service", "while it answered; what it had written is kept"),
    QT_TRANSLATE_NOOP("Service", "before it answered"),
    QT_TRANSLATE_NOOP("Service", "Waits for the GPU, which another job uses."),
    QT_TRANSLATE_NOOP("Service", "Unloaded meanwhile: {names}; chats with them wait."),
    QT_TRANSLATE_NOOP("Service", "Waits for {name} to finish its answers: the GPU has no room for both."),
    QT_TRANSLATE_NOOP("Service", "The process of this job stopped by itself; resume to try again."),
    QT_TRANSLATE_NOOP(
        "Service",
        "Deskside was ended while this job ran, and such a job cannot go on in the middle; resume to start it "
        "again.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "You have no permission to write to {target}; choose another folder, or correct its permissions.",
    ),
    QT_TRANSLATE_NOOP("Service", "{target} is on a disk that can only be read; choose another."),
    QT_TRANSLATE_NOOP("Service", "{target} cannot be used ({error}); choose another folder."),
    QT_TRANSLATE_NOOP(
        "Service",
        "During the answer the engine of '{name}' {words}{said}. What it had generated so far is kept; retry "
        "in a moment.",
    ),
    QT_TRANSLATE_NOOP("Service", "The service is stopping."),
    QT_TRANSLATE_NOOP("Service", "ended normally"),
    QT_TRANSLATE_NOOP("Service", "ended with exit code {code}"),
    QT_TRANSLATE_NOOP("Service", "was ended by signal {code} ({name}){hint}"),
    QT_TRANSLATE_NOOP("Service", ", which the system also sends when memory runs out"),
    QT_TRANSLATE_NOOP("Service", "hung: nothing was heard of it for {silence} s"),
    QT_TRANSLATE_NOOP("Service", "hung: {doing} took longer than {time} s"),
    QT_TRANSLATE_NOOP("Service", "did not start within {start} s"),
    QT_TRANSLATE_NOOP("Service", "{tokens} prompt tokens"),
    QT_TRANSLATE_NOOP("Service", "{tokens} prompt tokens and {answer} of answer"),
    QT_TRANSLATE_NOOP("Service", "shorten the conversation or take a model with more context"),
    QT_TRANSLATE_NOOP("Service", "a link to a folder of yours"),
    QT_TRANSLATE_NOOP("Service", "a folder that was not downloaded by Deskside"),
    QT_TRANSLATE_NOOP("Service", "Permission denied"),
    QT_TRANSLATE_NOOP("Service", "No such file or directory"),
    QT_TRANSLATE_NOOP("Service", "No space left on device"),
    QT_TRANSLATE_NOOP("Service", "Read-only file system"),
    QT_TRANSLATE_NOOP("Service", "Input/output error"),
    QT_TRANSLATE_NOOP("Service", "Is a directory"),
    QT_TRANSLATE_NOOP("Service", "The model could not be loaded."),
    QT_TRANSLATE_NOOP("Service", "“{name}” is a folder; attach the files in it."),
    QT_TRANSLATE_NOOP(
        "Service",
        "“{name}” has {size} MB, more than the {most} MB a message can take; attach a part of it.",
    ),
    QT_TRANSLATE_NOOP("Service", "“{name}” cannot be read ({strerror})."),
    QT_TRANSLATE_NOOP("Service", "“{name}” is not a text file; only text can be attached."),
    QT_TRANSLATE_NOOP("Service", "{path} cannot be written ({strerror}); choose another place."),
    QT_TRANSLATE_NOOP("Service", "{name} is too large to be chats."),
    QT_TRANSLATE_NOOP("Service", "{path} cannot be read ({strerror})."),
    QT_TRANSLATE_NOOP("Service", "{name} is not a text file."),
    QT_TRANSLATE_NOOP("Service", "The file is not JSON ({error}); choose one that was exported as JSON."),
    QT_TRANSLATE_NOOP("Service", "The file holds no chats; choose one that was exported as JSON."),
    QT_TRANSLATE_NOOP(
        "Service",
        "The disk of {parent} is full ({text}); free some space: chats are not saved until then.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "Your chats in {path} cannot be read or written ({text}); correct its permissions, then try again.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "Your chats in {path} were written by a newer Deskside, in a form that this version cannot read; "
        "install that version again, or move the file away to begin anew.",
    ),
    QT_TRANSLATE_NOOP("Service", "Something went wrong inside the window; the log says what."),
    QT_TRANSLATE_NOOP(
        "Service",
        "{folder} has no tokenizer: there is neither tokenizer.json nor tokenizer.model in it; download the "
        "model again.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The tokenizer of {folder} needs code of its own ({code}), which is never run; use a copy of the model "
        "that has a tokenizer.json.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The tokenizer of {folder} exists only as {found}, which this installation cannot convert (it has no "
        "transformers); use a copy of the model that has a tokenizer.json.",
    ),
    QT_TRANSLATE_NOOP("Service", "{source} cannot be converted: {name} has no fast form."),
    QT_TRANSLATE_NOOP("Service", "{source} cannot be converted to a tokenizer: {reason}."),
    QT_TRANSLATE_NOOP("Service", "{path} is not a JSON object; download the model again."),
    QT_TRANSLATE_NOOP("Service", "{path} cannot be used: it is larger than {limit} MiB."),
    QT_TRANSLATE_NOOP("Service", "{path} cannot be read: {strerror}."),
    QT_TRANSLATE_NOOP("Service", "The chat template in {file} is neither text nor a list of named templates."),
    QT_TRANSLATE_NOOP(
        "Service",
        "The last message cannot be continued: the chat template in {origin} does not show it as it is.",
    ),
    QT_TRANSLATE_NOOP("Service", "The chat template in {file} cannot be read: {error}."),
    QT_TRANSLATE_NOOP("Service", "Only an assistant message with text can be continued; the last message is none."),
    QT_TRANSLATE_NOOP("Service", "The chat template of this model refuses these messages: \"{said}\"."),
    QT_TRANSLATE_NOOP("Service", "The chat template in {origin} was stopped: {reason}."),
    QT_TRANSLATE_NOOP("Service", "The chat template in {origin} fails on these messages ({reason})."),
    QT_TRANSLATE_NOOP("Service", "The chat template in {origin} is not valid ({reason})."),
    QT_TRANSLATE_NOOP("Service", "The chat template in {origin} cannot be compiled: {reason}."),
    QT_TRANSLATE_NOOP("Service", "A child process of Deskside gave no answer within 30 seconds."),
    QT_TRANSLATE_NOOP("Service", "A child process of Deskside {exit} before it answered."),
    QT_TRANSLATE_NOOP("Service", "The model is being unloaded; load it again or use another."),
    QT_TRANSLATE_NOOP(
        "Service",
        "The engine failed unexpectedly; the log of its worker says why. The model is loaded again; retry "
        "then.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "{unit} {pages} holds pictures without text (a scan) and is not in it; run a text recognition over it first.",
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "{unit} {pages} hold pictures without text (a scan) and are not in it; run a text recognition over them first.",
    ),
    QT_TRANSLATE_NOOP("Service", "{unit} {pages} is empty."),
    QT_TRANSLATE_NOOP("Service", "{unit} {pages} are empty."),
    QT_TRANSLATE_NOOP("Service", "{unit} {pages} cannot be read and is not in it."),
    QT_TRANSLATE_NOOP("Service", "{unit} {pages} cannot be read and are not in it."),
    QT_TRANSLATE_NOOP("Service", "1 {what} is not read; only text is."),
    QT_TRANSLATE_NOOP("Service", "{count} {several} are not read; only text is."),
    QT_TRANSLATE_NOOP("Service", "Headers and footers are left out."),
    QT_TRANSLATE_NOOP("Service", "Running heads and page numbers of {pages} pages are left out."),
    QT_TRANSLATE_NOOP("Service", "On page {where} some letters are not read: their fonts do not say which they are."),
    QT_TRANSLATE_NOOP("Service", "On pages {where} some letters are not read: their fonts do not say which they are."),
    QT_TRANSLATE_NOOP("Service", "1 file in '{folder}' is of kinds that are not read, and left out."),
    QT_TRANSLATE_NOOP("Service", "{skipped} files in '{folder}' are of kinds that are not read, and left out."),
    QT_TRANSLATE_NOOP("Service", "'{folder}' holds no file that can be read; it would end in {kinds}."),
    QT_TRANSLATE_NOOP("Service", "There is no file to read; name one."),
    QT_TRANSLATE_NOOP("Service", "Left out: {message}"),
    QT_TRANSLATE_NOOP("Service", "The text was ended at {tokens} tokens; ask for a longer one to have all of it."),
    QT_TRANSLATE_NOOP(
        "Service", "Check these numbers, which are not in the source as they are written here: {listed}."
    ),
    QT_TRANSLATE_NOOP(
        "Service",
        "The words of this summary are hardly found in the source: the model is too small for this text; check it.",
    ),
    QT_TRANSLATE_NOOP(
        "Service", "The passage nearest to the question, on {unit} {page}{of}, is: \u201c{text}\u201d"
    ),
    QT_TRANSLATE_NOOP("Service", "Check {what} of this answer, whose words are not in the source."),
    QT_TRANSLATE_NOOP("Service", "1 sentence"),
    QT_TRANSLATE_NOOP("Service", "{unsupported} sentences"),
    QT_TRANSLATE_NOOP("Service", "The document does not mention {listed}, which the question speaks of."),
    QT_TRANSLATE_NOOP("Service", "page"),
    QT_TRANSLATE_NOOP("Service", "pages"),
    QT_TRANSLATE_NOOP("Service", "slide"),
    QT_TRANSLATE_NOOP("Service", "slides"),
    QT_TRANSLATE_NOOP("Service", "chapter"),
    QT_TRANSLATE_NOOP("Service", "chapters"),
    QT_TRANSLATE_NOOP("Service", "part"),
    QT_TRANSLATE_NOOP("Service", "parts"),
    QT_TRANSLATE_NOOP("Service", "picture"),
    QT_TRANSLATE_NOOP("Service", "pictures"),
    QT_TRANSLATE_NOOP("Service", "picture or chart"),
    QT_TRANSLATE_NOOP("Service", "pictures or charts"),
)

# Those that advise the command line or an environment variable, as the window says them: by its own pages and buttons.
REWORDED = {
    (
        "No Deskside service is running; start one with `deskside core serve`."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "The background service does not run; it is started again by itself.",
    ),
    (
        "The model {name} is a link to {target}, where no model is any more; bring the folder back, or "
        "remove the link with `deskside core remove {name}`."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "The model {name} is a link to {target}, where no model is any more; bring the folder back, or "
        "remove the model from the list (Models).",
    ),
    (
        "{endpoint} redirects more than {MAX_REDIRECTS} times; check HF_ENDPOINT."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "{endpoint} redirects more than {MAX_REDIRECTS} times; try again later.",
    ),
    (
        "No NVIDIA GPU was found here (driver, or the package nvidia-ml-py, is missing); name one with "
        "--gpu, such as rtx4060."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "No NVIDIA GPU was found in this computer, or its driver is missing; choose a card to see what "
        "would fit it.",
    ),
    (
        "There is no model {repo} on {endpoint} that everybody may read (HTTP {status}); check the name, "
        "or give an access token if it is private (--token -)."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "There is no model {repo} on {endpoint} that everybody may read (HTTP {status}); check the name. "
        "A private model needs an access token of yours.",
    ),
    (
        "Deskside is offline by its setting (offline, HF_HUB_OFFLINE), so the Hub is not asked; switch it "
        "off, or use `deskside core pull --link FOLDER`."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "Deskside is offline by its setting, so Hugging Face is not asked; switch that off (Settings, "
        "Network), or import a folder (Models).",
    ),
    (
        "{repo} is gated: accept the licence at {page}, then give an access token of your account "
        "(deskside core pull {repo} --token -)."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "{repo} is gated: accept the licence at {page}, then search for the model (Models) and paste an "
        "access token of your account there.",
    ),
    (
        "{endpoint} refuses the request (HTTP {status}); try again later, or check HF_ENDPOINT."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "{endpoint} refuses the request (HTTP {status}); try again later.",
    ),
    (
        "{endpoint} sends answers that are not the Hub's ({name}); check HF_ENDPOINT, or log in to this "
        "network first if it asks for that in a browser."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "{endpoint} sends answers that are not Hugging Face's ({name}); log in to this network first if "
        "it asks for that in a browser.",
    ),
    (
        "No model '{name}' is installed; `deskside core list` shows what is."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "No model '{name}' is installed; the list on the page Models shows what is.",
    ),
    (
        "There is a model or folder '{name}' already; give another name with --name."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "There is a model or folder '{name}' already; give your folder another name, then import it.",
    ),
    (
        "There is no engine '{name}'; `deskside core list` shows what there is."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "There is no engine '{name}'; the page Models shows what there is.",
    ),
    (
        "The folder of models and engines, {library}, is not there; connect its disk, or choose another "
        "folder (Settings, Storage, or `deskside core storage --use FOLDER`)."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "The folder of models and engines, {library}, is not there; connect its disk, or choose another "
        "folder (Settings, Storage).",
    ),
    (
        "The token cannot be written to {path} ({strerror}); set HF_TOKEN instead."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "The access token cannot be written to {path} ({strerror}); correct its permissions.",
    ),
    (
        "There is no model '{name}'; GET /v1/models lists those that can be used."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "There is no model '{name}' any more; choose another one above the chat.",
    ),
    (
        "{tokenizer} is a base model without a chat template; use generate with a plain prompt, or add a "
        "chat_template.jinja to its folder."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "{tokenizer} is a base model, which only goes on with a text; choose one that was made for chats "
        "(often named Instruct or Chat).",
    ),
    (
        "The engine of '{name}' failed several times in a row and is not started again by itself (the "
        "last time it {reason}); restart or unload it, and see its log."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "The engine of '{name}' failed several times in a row and is not started again by itself (the "
        "last time it {reason}); unload it and load it again (Models). Its log is in Settings, Storage.",
    ),
    (
        "max_tokens can be at most {left}"
    ): QT_TRANSLATE_NOOP(
        "Service",
        "the longest answer can be at most {left} tokens",
    ),
    (
        "The service is stopping; start it again and repeat the request."
    ): QT_TRANSLATE_NOOP(
        "Service",
        "The service is stopping; try again in a moment.",
    ),
}
# fmt: on
