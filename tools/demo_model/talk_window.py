# ruff: noqa: E501 - phrases are data: an entry reads best on one line, a list of words as one string
"""The window: keys, chats, files, documents, downloads, privacy."""

from __future__ import annotations

import random
from collections.abc import Callable

from tools.demo_model.phrasing import asked, expand
from tools.demo_model.topics import Topic, topic
from tools.demo_model.vary import vary

_KEYS: tuple[tuple[str, str, str, str], ...] = (
    ("Ctrl+N", "starts a new chat", "start a new chat|open a new chat|begin a new conversation|create a new chat|get a new chat|start over|start a fresh chat|make a new conversation|open another chat|have a clean chat", "new chat|a new chat|new conversation|starting a new chat"),
    ("Ctrl+L", "opens the model picker", "switch the model|choose a model|pick a model|change the model|open the model picker|open the model list|select another model|switch to another model|use a different model|change models|pick another model", "the model picker|choosing a model|switching models|model selection|the model menu|changing the model"),
    ("Ctrl+K", "searches all your chats", "search all chats|search in all chats|search my chats|find an old chat|search everything|search all conversations|find something in my chats|look for an old conversation|find a chat|search my history|look through all my chats|search old chats", "searching all chats|search|global search|the search over all chats|searching everything|chat search"),
    ("Ctrl+F", "searches in the current chat", "search in this chat|find text in the chat|search the current chat|find a word in this chat|search within a chat|find something in this conversation|look for a word in this chat|find in chat", "searching in this chat|find in chat|the search in a chat|searching the current chat"),
    ("Enter", "sends your message", "send a message|send my message|submit my question|send|send the prompt|submit a prompt|send my text|submit", "sending|sending a message|send|submitting"),
    ("Shift+Enter", "starts a new line", "start a new line|write a new line|add a line break|insert a newline|write several lines|add a new line|get a line break|make a new line without sending|write a multi-line message|break the line|insert a line break", "a new line|a newline|a line break|line breaks|new lines"),
    ("Esc", "stops the answer", "stop the answer|stop generating|cancel the answer|stop the model|interrupt the answer|stop the generation|abort the answer|make you stop|interrupt the model|cancel a response|halt the output|stop it from writing", "stopping an answer|stop|cancelling|stopping the model|interrupting"),
    ("Ctrl+R", "regenerates the answer", "regenerate the answer|get another answer|try again|regenerate|retry an answer|repeat the answer|make a new answer|get a different answer|answer again|redo the answer|retry|generate the answer again", "regenerating|regenerate|retrying|a new answer|another answer"),
    ("Ctrl+Shift+C", "copies the answer", "copy the answer|copy an answer|copy the last answer|copy your reply|copy the response|put the answer on the clipboard|copy the reply|copy the output", "copying the answer|copying|copy|copying an answer|the clipboard"),
    ("Ctrl+B", "shows or hides the sidebar", "hide the sidebar|show the sidebar|toggle the sidebar|open the sidebar|close the sidebar|collapse the sidebar|get rid of the sidebar|bring back the sidebar|hide the chat list|hide the left side|see the sidebar", "the sidebar|hiding the sidebar|the side bar|toggling the sidebar|the list of chats on the left"),
    ("Ctrl+,", "opens the settings", "open the settings|change the settings|find the settings|open preferences|see the settings|open the options|change preferences|go to settings|get to the settings|configure Deskside", "the settings|settings|preferences|the options|opening the settings|configuration"),
    ("Ctrl+/", "shows all keys", "see all shortcuts|list the shortcuts|show the keys|see the keyboard shortcuts|open the list of keys|look up shortcuts|show all keys|see which keys there are|display the shortcuts", "the list of keys|showing the keys|the shortcut list|the key overview|help on keys"),
)  # fmt: skip


def _spelled(key: str, rng: random.Random) -> str:
    """A key as people write it: Ctrl+K, ctrl k, Control-K, CTRL + K."""
    if "+" not in key:
        return rng.choice(
            {
                "Esc": ("Esc", "Escape", "esc", "escape", "the Esc key", "the escape key"),
                "Enter": ("Enter", "enter", "Return", "the Enter key", "the return key"),
            }[key]
        )
    parts = key.split("+")
    joiner = rng.choice(("+", "+", "+", " ", "-", " + "))
    first = (
        rng.choice(("Ctrl", "Ctrl", "ctrl", "Control", "CTRL"))
        if parts[0] == "Ctrl"
        else rng.choice(("Shift", "shift"))
    )
    rest = [p if rng.random() < 0.7 else p.lower() for p in parts[1:]]
    return joiner.join([first, *rest])


def key_meaning(rng: random.Random) -> tuple[str, str]:
    """What a key does."""
    key, does, _, _ = rng.choice(_KEYS)
    question = expand(
        "[what does {k} do|what is {k}[| for]|{k}|what happens [when|if] I press {k}|what's {k}|explain {k}|meaning of {k}|what is {k} [good|used] for|what does pressing {k} do|[what|which] function has {k}"
        "|what is the function of {k}|does {k} do anything|I pressed {k}, what [happens|did it do]|tell me what {k} does|the {k} shortcut|what is the shortcut {k}|what do I get with {k}|when do I press {k}|why would I press {k}|{k} does what|and {k}|what about {k}]",
        rng,
        {"k": _spelled(key, rng)},
    )
    return asked(question, rng, typos=False), f"**{key}** {does}."


def key_for(rng: random.Random) -> tuple[str, str]:
    """Which key does something."""
    key, does, actions, nouns = rng.choice(_KEYS)
    question = expand(
        "[@HOW {a}|@HOW {a}|@HOW {a}[| with the keyboard| in the window| with a key| using the keyboard]|[which|what] key [do I press to {a}|lets me {a}|is used to {a}|should I press to {a}|will {a}]|[which|what] shortcut [do I use to {a}|lets me {a}|is for {n}|is used to {a}]"
        "|[shortcut|key|keyboard shortcut|hotkey|key combination|keys] [for {n}|to {a}]|what is the [shortcut|key|hotkey|keyboard shortcut|key combination] [for {n}|to {a}]|is there a [shortcut|key|hotkey|keyboard shortcut] [for {n}|to {a}]|{a}|what do I press [to {a}|for {n}]|where [do|can] I {a}"
        "|can I {a}[| with a key| from the keyboard]|I want to {a}|I can't find how to {a}|what [button|key] do I [press|hit|push] to {a}|which key is for {n}|how {a}|which key [combination|] for {n}|quickest way to {a}|I'd like to {a}|key binding for {n}]",
        rng,
        {"a": rng.choice(actions.split("|")), "n": rng.choice(nouns.split("|"))},
    )
    return asked(vary(question, rng), rng), f"Press **{key}**: it {does}."


MAKERS: tuple[tuple[float, Callable[[random.Random], tuple[str, str]]], ...] = ((4.0, key_meaning), (7.0, key_for))

HELD_KEYS: tuple[tuple[str, str], ...] = (
    ("With what key combination would I search through every chat I have?", "Ctrl+K"),
    ("I want a line break but not to send, which keys?", "Shift+Enter"),
    ("The model writes too much, how do I interrupt it?", "Esc"),
    ("which keys make the left column go away", "Ctrl+B"),
    ("how could I have the last reply on my clipboard", "Ctrl+Shift+C"),
    ("I do not like that answer, how do I get a different one?", "Ctrl+R"),
    ("what happens on pressing ctrl + comma i.e. Ctrl+,", "Ctrl+,"),
    ("Which keys bring up a blank new conversation?", "Ctrl+N"),
    ("where would I go to change to another model, by keyboard?", "Ctrl+L"),
    ("find a word inside the current conversation", "Ctrl+F"),
)

TOPICS: tuple[Topic, ...] = (
    topic("keys", [
        "The main keys:\n\n- **Ctrl+N** new chat, **Ctrl+L** model, **Ctrl+K** search all chats, **Ctrl+F** search in this chat\n- **Enter** send, **Shift+Enter** new line, **Esc** stop\n- **Ctrl+R** regenerate, **Ctrl+Shift+C** copy answer\n- **Ctrl+B** sidebar, **Ctrl+,** settings, **Ctrl+/** all keys",
      ], concepts="the keyboard shortcuts; keyboard shortcuts; the shortcuts; shortcuts; the keys; the hotkeys; hotkeys; key bindings; the keyboard; the main keys; the key combinations",
      questions="which [keys|shortcuts|keyboard shortcuts|hotkeys] [are there|exist|can I use|does Deskside have|should I know|do I need]; what [keys|shortcuts|keyboard shortcuts|hotkeys] [are there|exist|can I use|does Deskside have|should I know]; list [the|all|all the] [keys|shortcuts|keyboard shortcuts|hotkeys]; show me [the|all] [keys|shortcuts|keyboard shortcuts|hotkeys]; can I use [Deskside|it] with the keyboard; keyboard help; what keys do I need; [give|tell] me the [shortcuts|keys|keyboard shortcuts]; do you have a list of shortcuts; how do I use the keyboard; is there a list of [shortcuts|keys]; [most important|useful|important] [keys|shortcuts]; can I work without a mouse",
      held="I prefer the keyboard over a mouse, what should I know; give an overview of the hotkeys; any handy key combinations to remember", weight=2),
    topic("privacy", [
        "Everything stays on your PC: models, chats and documents run and are stored locally. Deskside uses the network only when you ask it to, for example to download a model.",
        "Your chats and documents never leave this PC. The model runs locally, and the network is used only when you ask for it, such as for a model download.",
      ], concepts="privacy; the privacy; data protection; telemetry; my privacy; data privacy; tracking; the privacy policy", questions="is [my data|it|this|everything|my chat|Deskside|what I write|my document] [private|safe|secure|confidential|local|kept private]; does [it|Deskside|this app] [send|share|upload|collect|sell|transmit] [my data|data|anything|my chats|my documents|my files|what I write] [to the internet|anywhere|to anyone|to a server|to the cloud|]; do my [chats|documents|files|data|messages] leave my [PC|computer|machine]; where [does my data go|do my chats go|does my text go|is my data processed]; who can [see|read] my [chats|messages|data|conversations|documents]; is there [any|] [telemetry|tracking|spying|logging of my chats]; does it [spy on|track|monitor|log] me; is [it|the chat] [sent|uploaded] to the cloud; does it [use|run in|need] the cloud; are my chats [uploaded|sent|shared|private|secret|public]; do you [share|store|send|sell|keep] my data; can I use it for [confidential|private|secret|sensitive] [documents|data|text|things]; does Deskside phone home; is anything sent to [NVIDIA|Hugging Face|the developers|the internet]; does anybody read [this|my messages|what I type]; can [my boss|anyone|NVIDIA] read [this|my chats]; do you collect data; is Deskside private",
      held="might anybody outside get to read what I type; I have secret papers, may I use them here; does any of my text travel over the internet; are conversations kept confidential", weight=2.5),
    topic("offline", [
        "Yes, Deskside works offline. You need the internet only to download models; the demo model is already included.",
      ], concepts="offline use; working offline; offline mode", questions="does [it|Deskside|this|the app] work [offline|without internet|without the internet|without a connection|on a plane|without wifi]; [do I|does it] need [the|an|] internet [connection|access|]; can I use [it|Deskside|this] [offline|without internet|on a train|on a plane|without network]; is [the internet|an internet connection|a connection|network access] [needed|required|necessary]; do I have to be online; offline; is it offline; am I online; are you [online|connected to the internet|offline]; does it need a connection; I have no internet, [does it work|can I use it]; when does it use the internet; when is the network used; can I unplug the network",
      held="I travel with no connection at all, will the app still answer; is being online necessary"),
    topic("files_models", [
        "Models are in Deskside's data folder, under `models`; built engines are next to them, under `engines`. `deskside core list` shows what is installed.",
      ], concepts="the models folder; the model folder; the location of the models; the engines folder; the folder of models", questions="where are [the|my|] [models|downloaded models|model files|weights|engines|built engines|engine files] [stored|saved|kept|located|]; where does [it|Deskside] [store|save|keep|put] [models|the models|weights|engines|model files|downloads]; where do [models|downloads|engines] go; where can I find [the models|my models|the model files|the engines|downloaded models]; in which folder are [the models|models|engines|my models]; which folder holds the models; where on disk are the models; model location; path of the models; where is the model saved",
      held="to which place on disk do downloaded weights go; I look for the directory holding my engines", weight=1.3),
    topic("files_chats", [
        "Your chats are in a small database, `chats.db`, in Deskside's data folder on this PC. Chats from the command line and the API are not stored.",
      ], concepts="chats.db; the chat database; the chat history; the location of my chats; chat storage; saved chats", questions="where are [my|the|] [chats|conversations|messages] [stored|saved|kept] on [disk|my disk|my PC|this PC|my computer]; where are [my|the|] [chats|conversations|messages|old chats] [stored|saved|kept|located|]; where does [it|Deskside] [store|save|keep|put] [my chats|chats|conversations|my messages|the chat history]; are [my|] chats [saved|stored|kept]; is [my chat|this chat|the chat|this conversation|my history] [saved|stored|kept]; in which file are my chats; which file holds my chats; are command line chats [stored|saved]; are API chats stored; does it save my chats; how are chats stored; will my chat be saved; can I find my chats later; do I need to save my chat; does Deskside keep my history",
      held="in what place does Deskside keep conversations; will this talk still be there tomorrow; which database contains my messages", weight=1.3),
    topic("files_all", [
        "Deskside uses the usual folders of your system:\n\n- data: `models`, `engines`, `chats.db`, `jobs.db`\n- cache: compiled kernels\n- state: logs and the service lock",
      ], concepts="the folders; Deskside's folders; the file locations; the data folder; the data directory; the cache folder; Deskside's files; the logs; log files; the log folder", questions="where are [my|the|all|Deskside's|] [files|logs|log files|data|folders] [stored|saved|kept|located|]; where does [it|Deskside] [store|save|keep] [files|its files|data|its data|logs|everything|things|my data]; where do [files|things|my files] live; which folders does Deskside use; what folders are there; where is the [log|log file|cache|data folder|data directory]; how do I find the logs; where can I find the [logs|log files|files|data folder]; what is in the data folder; where is everything stored; which files does Deskside create; where is my stuff; file locations; what does Deskside write to disk; where do files go",
      held="at what locations on the disk does this application keep its things; show me where log output ends up; tell me the directories Deskside uses", weight=1.3),
    topic("search_chats", [
        "Press **Ctrl+K** to search the titles and full text of all your chats, and **Ctrl+F** to search in the open one.",
      ], concepts="the full-text search; full-text search; search in Deskside", questions="does search look at the [content|text|full text] or only the titles; is the text of chats searched too; what does the search look at; what is the difference between Ctrl+K and Ctrl+F; Ctrl+K or Ctrl+F; does the search cover titles and messages; does it search the content",
      held="is only the title searched or the messages too; do both Ctrl+K and Ctrl+F search"),
    topic("branch", [
        "Edit a message or regenerate an answer, and Deskside makes a branch: the old version stays, and you can go back to it. An edit deletes nothing.",
      ], concepts="branches; branching; a branch; a chat branch; the message tree; editing a message; edits", actions="edit a message; edit my question; change my question; change a message I sent; go back to an old answer; see an earlier version; make a branch; branch a chat; get my old answer back; undo an edit; correct my question; fix a typo in my message; rewrite my question", questions="does an edit delete the old [answer|message|version]; what happens when I edit a message; can I edit my [message|question|prompt]; can I get the old answer back; is the old answer lost; what happens to the old answer when I regenerate; is anything deleted when I edit; does regenerating delete the old answer; how do branches work; are old versions kept",
      held="I rewrote my question, is the former answer gone; could I return to a version from before my edit"),
    topic("export", [
        "You can export a chat as Markdown, HTML or JSON, and as PDF by printing it.",
      ], concepts="export; exporting a chat; chat export; the export formats; exporting", actions="export a chat; export my chat; save a chat as [PDF|Markdown|HTML|JSON|a file]; export a conversation; print a chat; get a chat as a file; save the conversation to a file; download my chat; share a chat; export to [PDF|Markdown|HTML|JSON]; make a PDF of a chat; back up my chats", questions="which export formats are there; can I export [my chat|a chat|chats|to PDF|as Markdown]; is there an export; in which formats can I export; can I save a chat as a PDF; can I print a chat; export formats",
      held="I would like this conversation as a document on disk; to what file types may chats be written"),
    topic("folders", [
        "You can sort chats into folders in the left sidebar; the newest are on top. **Ctrl+B** shows or hides the sidebar, and **Ctrl+K** searches all chats.",
      ], concepts="chat folders; folders for chats; the list of chats; the chat list; sorting chats; organizing chats", actions="organize my chats; sort my chats; put chats in folders; make a folder; create a folder for chats; keep my chats in order; tidy up my chats; group chats; arrange chats; create a folder", questions="are there folders; can I have folders; how are chats sorted; where is the list of my chats; where are my old chats; how are my chats organized; can I group my chats; where do I see my chats; does Deskside have folders",
      held="I have too many conversations, could I group them; in what order are conversations listed"),
    topic("system_prompt", [
        "The system prompt is an instruction that comes before the chat, for example the tone of the answers. You set it in the panel on the right; larger models follow it better than I do.",
      ], concepts="the system prompt; system prompt; a system prompt; the system message; system instructions; custom instructions; the instructions for the model", actions="set a system prompt; change the system prompt; give the model instructions; set the tone of answers; change the behaviour of the model; write a system prompt; edit the system prompt; give the model a role; customize the model's behaviour", questions="where is the system prompt; where do I set the system prompt; can I change the system prompt; does it have a system prompt; what should I write in the system prompt; what is your system prompt; show me your system prompt; do you have a system prompt",
      held="in what place do I put standing instructions for the model; I'd like every answer in a friendly tone, where do I say so"),
    topic("panel", [
        "The panel on the right has the system prompt, the sampling settings, the context and the runtime view: sequences in flight, KV pages used, queue and GPU memory. You can fold it away.",
      ], concepts="the right panel; the panel on the right; the runtime panel; the runtime view; the side panel; the panel; the window layout; the layout of the window", questions="what is in the right panel; what does the runtime panel show; what do I see on the right; where do I see the KV pages; how many pages are used; where can I see the GPU memory; where is the runtime panel; what are the parts of the window; how is the window laid out; what is on the right side; what do the numbers on the right mean; where do I see the queue; where do I see VRAM use; what is sequences in flight; where do I see how many requests run",
      held="which figures does the right hand side display; is there a view of pages in use and the queue"),
    topic("attach", [
        "Attach a document with the button, by drag and drop, or by pasting it. Deskside reads PDF, DOCX, HTML, TXT and MD.",
      ], concepts="attachments; attaching files; attachments in a chat; drag and drop; attached documents", actions="attach a [file|document|PDF|text file]; add a [file|document|PDF] to the chat; upload a [file|document|PDF]; give you a [file|document|PDF]; drop a file in the chat; send you a [file|document|PDF]; open a document; load a document; insert a document; share a file with you; paste a document; use drag and drop", questions="can I [attach|upload|send|drop|add] [files|a file|documents|a PDF|a document]; which files can I attach; what files can I attach; can I drag files into the window; do attachments work; where do I attach files; is drag and drop supported; can I send you a file; which attachments are supported",
      held="I have a document for you, by what way do I hand it over; is dropping a PDF on the window possible"),
    topic("documents", [
        "Deskside summarizes a whole document, not just a few parts: it splits it, summarizes each part in a batch, combines the results, and shows how much was covered, with page references.",
      ], concepts="document summarization; whole-document summarization; map-reduce; the document feature; document summaries; map reduce summarization; coverage; page citations; long document summaries; summarization of documents", questions="how are long documents summarized; does it read the [whole document|entire document|whole file|full text]; how does Deskside summarize [a long document|documents|a book|a PDF]; what does coverage mean; are there page citations; what happens to a document that does not fit in the context; how is a document bigger than the context handled; what is map-reduce in Deskside; does a summary cite pages; are all pages read; how much of my document is read; does it skip parts of the document; why is the coverage shown",
      held="with a text longer than the context, how is a summary made; are just some pages considered in a summary"),
    topic("bigger_model", [
        "Press **Ctrl+L** and pick another model, or open the model page to download one. In the terminal, `deskside core pull MODEL` downloads it.",
      ], concepts="a bigger model; a better model; larger models; other models; a real model; a larger model", actions="load a [bigger|larger|better|smarter|different|real|stronger|more capable] model; use a [bigger|larger|better|smarter|real|stronger] model; get a [bigger|larger|better|smarter|real|stronger] model; get better answers; load [another model|a model|Llama 3|Mistral|Qwen]; replace the demo model; upgrade the model; get a smarter assistant; improve the answers; try a larger model; switch from the demo model to a real one",
      questions="is there a [better|bigger|larger|smarter|stronger] model; which [model|models] [should I|can I] [download|load|use next]; what model [should I|can I] [download|use instead|use after the demo]; what should I load instead of you; who can answer that; where do I find a better model; what comes after the demo model; can I get a better model; which model is better than you; which model do you recommend; what model do you recommend; I want a real model; you are too small",
      held="the demo is too limited for me, how do I get something stronger; which steps lead from the demo to a proper model", weight=1.8),
    topic("model_page", [
        "The model page searches the Hugging Face Hub, or takes an id or a folder. For each model it shows size, licence, whether it is gated, and how it fits on this GPU per precision; one button takes it to a running engine.",
      ], concepts="the model page; model page; the models page; the model browser; the model library; a gated model; gated models", actions="search for models; find models; browse models; look for a model; load a model from a folder; use my own model; use a local checkpoint; import a model; open my own checkpoint; use a model I already have; load a local model; use my fine-tuned model", questions="what does the model page show; where do I find models; can I use my own model; can I load a folder; can I use a local checkpoint; where can I search for models; what is shown per model; what does gated mean; how do I see the size of a model; where is the model page; can I load my own fine-tuned model; what happens when I press the download button",
      held="at which place in the window do I hunt for new models; I fine-tuned a checkpoint, could I open it here; what facts about each model are displayed"),
    topic("stages", [
        "Named stages take the weights to a running engine: download, check, quantize, build, verify, load. You see percent and time left, can cancel or resume, and your old model stays usable meanwhile.",
      ], concepts="the stages of a build; the build stages; the steps from weights to engine; the preparation of a model; model preparation; the progress of a build; the build progress", questions="what happens after I click download; which steps does a model go through; what are the stages; how long until a model is ready; can I use Deskside while a model is built; can I cancel a build; can I chat during a build; what happens during a build; is the old model usable during a build; can I resume a build; can I go on chatting while it downloads; does a build block the chat; which stages are there",
      held="by what steps do weights turn into a running model; may I keep chatting as an engine gets built"),
    topic("download", [
        "Downloads resume where they stopped, retry by themselves, and every file is checked by its hash. The queue survives a restart, and disk space is checked before the start.",
      ], concepts="downloads; the download; download resume; a stalled download; the download queue; an interrupted download; resuming downloads; downloading models; a broken download", actions="resume a download; pause a download; continue a download; restart a download; cancel a download; continue an interrupted download", questions="what happens when a download [stops|fails|is interrupted|stalls|breaks]; is a download [resumed|checked|verified]; can I [pause|resume|stop] a download; my download [stopped|stalled|failed|is stuck|hangs|was interrupted]; does a download survive a restart; are downloads verified; the download is stuck; do I have to download again after an error; can I turn off the PC during a download; the internet broke during the download; are downloads checked; download failed; does it start the download again from zero",
      held="my connection broke while fetching weights, must I begin anew; is a fetched file checked for damage"),
    topic("disk_full", [
        "Deskside checks the space for the download, the engine and temporary files before it starts. If the disk fills up anyway, the job pauses and says so; nothing crashes, and you continue after freeing space.",
      ], concepts="a full disk; disk space; free space; the disk space check; running out of disk space", questions="what happens when the disk is full; my disk is full; how much disk space do I need; is there enough space; what if I run out of disk space; does it check the disk space; no space left on device; how much space does a model need on disk; disk full; does Deskside crash when the disk is full; not enough disk space; does a full disk lose my download",
      held="there's no room on my drive any more, what will happen; is free space looked at before a download starts"),
    topic("remove_model", [
        "Remove a model on the model page. A model that is in use is locked, so unload it first; your chats stay.",
      ], actions="delete a model; remove a model; uninstall a model; free disk space; delete an engine; get rid of a model; delete old models; free up space; remove a downloaded model; clean up models", questions="can I delete a model; can I remove models; what happens to my chats when I delete a model; why can't I delete a model; can I delete the demo model; how are models removed; why is a model locked; deleting a model",
      held="an old model eats my disk, how can it be erased; it refuses to erase a model, why"),
    topic("jobs", [
        "Downloads, builds and document work are jobs. Each has a state and progress, survives a restart, and can be paused, resumed or cancelled.",
      ], concepts="jobs; a job; background jobs; the job list; the jobs; jobs.db; durable jobs", questions="what kinds of jobs are there; do jobs survive a restart; can I pause a job; can I cancel a job; what happens to jobs after a restart; where are jobs stored; what states can a job have; what is stored in jobs.db; is a job lost when I close the window; can I resume a job; does a job continue after a restart",
      held="if I reboot, is long running work lost; in which states may background work be"),
    topic("shown_numbers", [
        "Below the chat you see the context used and total, the progress of reading the prompt, tokens per second, and how many tokens came from the cache.",
      ], concepts="the status line; the numbers below the chat; the figures under the chat; the status bar; the numbers at the bottom", questions="what do the numbers [below|under] the chat mean; what are the numbers at the bottom; where do I see tokens per second; what numbers does Deskside show; where do I see the speed; how fast are you writing; what is displayed while you answer; where is the speed shown; how many tokens per second do I get; where do I see the progress; what is the percentage during reading",
      held="the figures beneath my chat, what are they; does the window display how quickly it writes"),
    topic("accessibility", [
        "Every action has a keyboard shortcut and every control has a name for screen readers. Press **Ctrl+/** to see the keys.",
      ], concepts="accessibility; screen readers; screen reader support; accessible use", questions="does Deskside work with a screen reader; is it accessible; can blind people use it; is Deskside accessible; does it support screen readers; can I use it without a mouse and with a screen reader; accessibility features",
      held="my eyesight is bad, will a screen reader work; is the app usable for blind users"),
    topic("continue", [
        "If an answer was cut off, use Continue on it; the partial answer is saved while it streams.",
      ], concepts="Continue; the Continue button; a partial answer; continuing an answer", actions="continue an answer; resume an answer; finish a cut off answer; continue a stopped answer; let the model go on writing", questions="my answer was cut off; the answer stopped in the middle; the answer is incomplete; is a partial answer saved; can I continue an answer; what does Continue do; the answer is not complete; what happens to a stopped answer",
      held="the reply ended halfway through, could it go on; is a half written reply kept"),
    topic("links", [
        "Links in an answer open only after a click, and only http and https. Remote images are never loaded, so an answer cannot call out on its own.",
      ], concepts="links in answers; remote images; the link policy; clickable links; images in answers", questions="are links in answers safe; can an answer load images; do links open by themselves; can answers contain links; can I click links; are remote images loaded; can an answer open a file; which links can be opened; is it safe to click a link; why are no images shown",
      held="might a link written by a model be harmful; do pictures from the web get fetched in answers"),
    topic("edit_code", [
        "Code in an answer is shown in a block with its own copy button. To copy the whole answer, press **Ctrl+Shift+C**.",
      ], concepts="code blocks; a code block; the copy button; code in answers", actions="copy code; copy a code block; copy the code from an answer; copy a command from an answer", questions="how is code shown; is there a copy button; can I copy code; how do code blocks work; where is the copy button",
      held="I need just the code out of a reply; do code sections have a button for copying"),
    topic("first_run", [
        "On the first run the bundled demo model answers at once, offline. When you want more, open the model page, pick a model that fits your GPU, and one button takes it from download to a running engine.",
      ], concepts="the first run; the first start; the first steps; first use", questions="what happens on the first run; what do I do first; what should I do first; how do I begin; I just started Deskside, what now; I'm new, what should I do; what are the first steps; where do I start; is a model included; is there a model included; does Deskside come with a model; does it come with a model; what do I do after installing; what next after the installation; do I need to download a model first",
      held="it's my first time here, where should I begin; right after setup, is any model there already"),
    topic("updates", [
        "Deskside does not force updates and makes no unexplained network traffic. Chats survive an update: before a change of format, a dated backup is made.",
      ], concepts="updates; automatic updates; updating Deskside; the update policy; forced updates", actions="update Deskside; upgrade Deskside; get a new version; turn off updates; install an update", questions="does Deskside update itself; are updates automatic; do updates delete my chats; will I lose my chats after an update; are there automatic updates; can I turn off updates; is there an update; what happens to my chats when I update; how are updates done; does it force updates",
      held="will a newer version wipe my conversations; does the app upgrade without asking me"),
)  # fmt: skip
