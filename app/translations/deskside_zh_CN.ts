<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
<context>
    <name>Actions</name>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>选择模型</translation>
    </message>
    <message>
        <source>Search all chats</source>
        <translation>搜索所有对话</translation>
    </message>
    <message>
        <source>Find in this chat</source>
        <translation>在此对话中查找</translation>
    </message>
    <message>
        <source>Stop the answer</source>
        <translation>停止回答</translation>
    </message>
    <message>
        <source>Regenerate the answer</source>
        <translation>重新生成回答</translation>
    </message>
    <message>
        <source>Copy the last answer</source>
        <translation>复制最后的回答</translation>
    </message>
    <message>
        <source>Attach files</source>
        <translation>添加文件</translation>
    </message>
    <message>
        <source>Rename this chat</source>
        <translation>重命名此对话</translation>
    </message>
    <message>
        <source>Export this chat</source>
        <translation>导出此对话</translation>
    </message>
    <message>
        <source>Show or hide the chats</source>
        <translation>显示或隐藏对话列表</translation>
    </message>
    <message>
        <source>Show or hide this chat&apos;s settings</source>
        <translation>显示或隐藏此对话的设置</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>键盘快捷键</translation>
    </message>
    <message>
        <source>Go to the chats</source>
        <translation>转到对话</translation>
    </message>
    <message>
        <source>Go to the models</source>
        <translation>转到模型</translation>
    </message>
    <message>
        <source>Go to the documents</source>
        <translation>转到文档</translation>
    </message>
    <message>
        <source>Go to the runtime</source>
        <translation>转到运行状态</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>退出</translation>
    </message>
</context>
<context>
    <name>AdvancedCard</name>
    <message>
        <source>Advanced</source>
        <translation>高级</translation>
    </message>
    <message>
        <source>&amp;Backend</source>
        <translation>后端(&amp;B)</translation>
    </message>
    <message>
        <source>&amp;Log</source>
        <translation>日志(&amp;L)</translation>
    </message>
    <message>
        <source>Prompts and answers are never written to the log.</source>
        <translation>提示词和回答从不写入日志。</translation>
    </message>
</context>
<context>
    <name>AppearanceCard</name>
    <message>
        <source>Appearance</source>
        <translation>外观</translation>
    </message>
    <message>
        <source>As the system</source>
        <translation>跟随系统</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>浅色</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>深色</translation>
    </message>
    <message>
        <source>Theme</source>
        <translation>主题</translation>
    </message>
    <message>
        <source> pt</source>
        <translation> 磅</translation>
    </message>
    <message>
        <source>Font size</source>
        <translation>字号</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>语言</translation>
    </message>
    <message>
        <source>&amp;Theme</source>
        <translation>主题(&amp;T)</translation>
    </message>
    <message>
        <source>&amp;Font size</source>
        <translation>字号(&amp;F)</translation>
    </message>
    <message>
        <source>&amp;Language</source>
        <translation>语言(&amp;L)</translation>
    </message>
</context>
<context>
    <name>Banner</name>
    <message>
        <source>Dismiss</source>
        <translation>关闭</translation>
    </message>
</context>
<context>
    <name>ChatController</name>
    <message>
        <source>This chat is no longer there.</source>
        <translation>此对话已不存在。</translation>
    </message>
    <message>
        <source>Removed the folder “%1”; its chats stay.</source>
        <translation>已移除文件夹“%1”；其中的对话仍然保留。</translation>
    </message>
    <message>
        <source>Deleted “%1”.</source>
        <translation>已删除“%1”。</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>撤销</translation>
    </message>
    <message>
        <source>Deleted the message.</source>
        <translation>已删除该消息。</translation>
    </message>
    <message>
        <source>Deleted %1 messages.</source>
        <translation>已删除 %1 条消息。</translation>
    </message>
</context>
<context>
    <name>ChatPage</name>
    <message>
        <source>To the end</source>
        <translation>到末尾</translation>
    </message>
    <message>
        <source>Copied.</source>
        <translation>已复制。</translation>
    </message>
</context>
<context>
    <name>ChooseFolder</name>
    <message>
        <source>Another folder for models and engines</source>
        <translation>模型和引擎的其他文件夹</translation>
    </message>
    <message>
        <source>A folder, such as one on a second disk</source>
        <translation>一个文件夹，例如第二块磁盘上的</translation>
    </message>
    <message>
        <source>The new folder</source>
        <translation>新文件夹</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>浏览…</translation>
    </message>
    <message>
        <source>Browse for the new folder</source>
        <translation>浏览新文件夹</translation>
    </message>
    <message>
        <source>Another folder for models and engines:</source>
        <translation>模型和引擎的其他文件夹：</translation>
    </message>
    <message>
        <source>Moving copies everything, compares it, and only then deletes it here. Models are unloaded meanwhile. Chats and settings stay where they are.</source>
        <translation>移动会先复制并比对全部内容，然后才删除此处的文件。其间模型会被卸载。对话和设置留在原处。</translation>
    </message>
    <message>
        <source>Move everything there</source>
        <translation>全部移到那里</translation>
    </message>
    <message>
        <source>Use that folder, move nothing</source>
        <translation>使用该文件夹，不移动任何内容</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Keep the present folder</source>
        <translation>保留当前文件夹</translation>
    </message>
</context>
<context>
    <name>ChunkStrip</name>
    <message>
        <source>Parts of the documents</source>
        <translation>文档的各个部分</translation>
    </message>
    <message>
        <source>{done} of {total} read, {flying} at the same time</source>
        <translation>已读 {done}/{total}，同时进行 {flying} 个</translation>
    </message>
</context>
<context>
    <name>CodeView</name>
    <message>
        <source>Copy code</source>
        <translation>复制代码</translation>
    </message>
    <message>
        <source>Code</source>
        <translation>代码</translation>
    </message>
    <message>
        <source>code</source>
        <translation>代码</translation>
    </message>
</context>
<context>
    <name>Composer</name>
    <message>
        <source>Editing a message: the version before stays.</source>
        <translation>正在编辑消息：之前的版本会保留。</translation>
    </message>
    <message>
        <source>Give up the edit</source>
        <translation>放弃编辑</translation>
    </message>
    <message>
        <source>Write a message</source>
        <translation>输入消息</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>消息</translation>
    </message>
    <message>
        <source>Attach files</source>
        <translation>添加文件</translation>
    </message>
    <message>
        <source>A message takes at most %1 files.</source>
        <translation>一条消息最多可带 %1 个文件。</translation>
    </message>
    <message>
        <source>1 page</source>
        <translation>1 页</translation>
    </message>
    <message>
        <source>%1 pages</source>
        <translation>%1 页</translation>
    </message>
    <message>
        <source>“%1” has %2, more text than a message can take; summarize it on the page Documents.</source>
        <translation>“%1”共 %2，文字超出一条消息的容量；请在“文档”页面为它生成摘要。</translation>
    </message>
    <message>
        <source>“%1”: %2 of %3 could not be read, as they have no text (scans, pictures).</source>
        <translation>“%1”：%3中有 %2 页没有文字（扫描件或图片），无法读取。</translation>
    </message>
    <message>
        <source>The models here read text only, no pictures; paste or attach text.</source>
        <translation>这里的模型只能读取文字，不能读取图片；请粘贴或附加文字。</translation>
    </message>
    <message>
        <source>Reading %1…</source>
        <translation>正在读取 %1…</translation>
    </message>
    <message>
        <source>Remove %1</source>
        <translation>移除 %1</translation>
    </message>
    <message>
        <source>Stop the answer</source>
        <translation>停止回答</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>发送</translation>
    </message>
</context>
<context>
    <name>DocumentForm</name>
    <message>
        <source>New summary</source>
        <translation>新建摘要</translation>
    </message>
    <message>
        <source>Drop files or folders anywhere on this page: PDF, Word, HTML, Markdown, text.</source>
        <translation>将文件或文件夹拖到此页任意位置：PDF、Word、HTML、Markdown、文本。</translation>
    </message>
    <message>
        <source>Add files…</source>
        <translation>添加文件…</translation>
    </message>
    <message>
        <source>Add a folder…</source>
        <translation>添加文件夹…</translation>
    </message>
    <message>
        <source>Length</source>
        <translation>长度</translation>
    </message>
    <message>
        <source>Short</source>
        <translation>短</translation>
    </message>
    <message>
        <source>Medium</source>
        <translation>中</translation>
    </message>
    <message>
        <source>Long</source>
        <translation>长</translation>
    </message>
    <message>
        <source>Style</source>
        <translation>风格</translation>
    </message>
    <message>
        <source>Running text</source>
        <translation>连贯文字</translation>
    </message>
    <message>
        <source>Bullet points</source>
        <translation>要点</translation>
    </message>
    <message>
        <source>Outline</source>
        <translation>提纲</translation>
    </message>
    <message>
        <source>Simple words</source>
        <translation>浅显的语言</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>语言</translation>
    </message>
    <message>
        <source>As the document</source>
        <translation>与文档相同</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>everything</source>
        <translation>全部内容</translation>
    </message>
    <message>
        <source>Focus on</source>
        <translation>侧重于</translation>
    </message>
    <message>
        <source>&amp;Length</source>
        <translation>长度(&amp;L)</translation>
    </message>
    <message>
        <source>&amp;Style</source>
        <translation>风格(&amp;S)</translation>
    </message>
    <message>
        <source>L&amp;anguage</source>
        <translation>语言(&amp;A)</translation>
    </message>
    <message>
        <source>&amp;Model</source>
        <translation>模型(&amp;M)</translation>
    </message>
    <message>
        <source>&amp;Focus on</source>
        <translation>侧重于(&amp;F)</translation>
    </message>
    <message>
        <source>Summarize</source>
        <translation>生成摘要</translation>
    </message>
    <message>
        <source>Or ask the documents a question</source>
        <translation>或者向文档提问</translation>
    </message>
    <message>
        <source>Question to the documents</source>
        <translation>向文档提的问题</translation>
    </message>
    <message>
        <source>Ask</source>
        <translation>提问</translation>
    </message>
    <message>
        <source>Leave out {name}</source>
        <translation>去掉 {name}</translation>
    </message>
    <message>
        <source>Documents</source>
        <translation>文档</translation>
    </message>
    <message>
        <source>All files</source>
        <translation>所有文件</translation>
    </message>
    <message>
        <source>Add files</source>
        <translation>添加文件</translation>
    </message>
    <message>
        <source>Add a folder</source>
        <translation>添加文件夹</translation>
    </message>
</context>
<context>
    <name>Documents</name>
    <message>
        <source>Reading the documents</source>
        <translation>正在读取文档</translation>
    </message>
    <message>
        <source>Reading every part</source>
        <translation>正在阅读每个部分</translation>
    </message>
    <message>
        <source>Finding the passages</source>
        <translation>正在查找段落</translation>
    </message>
    <message>
        <source>Putting the parts together</source>
        <translation>正在合并各部分</translation>
    </message>
    <message>
        <source>Writing</source>
        <translation>正在撰写</translation>
    </message>
    <message>
        <source>Waiting for its turn</source>
        <translation>等待轮到它</translation>
    </message>
    <message>
        <source>Starting…</source>
        <translation>正在开始…</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>已暂停</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>完成</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>失败</translation>
    </message>
    <message>
        <source>page {page}</source>
        <translation>第 {page} 页</translation>
    </message>
    <message>
        <source>slide {page}</source>
        <translation>第 {page} 张幻灯片</translation>
    </message>
    <message>
        <source>chapter {page}</source>
        <translation>第 {page} 章</translation>
    </message>
    <message>
        <source>part {page}</source>
        <translation>第 {page} 部分</translation>
    </message>
    <message>
        <source>Question</source>
        <translation>问题</translation>
    </message>
    <message>
        <source>Summary</source>
        <translation>摘要</translation>
    </message>
    <message>
        <source>{done} of {total} parts read</source>
        <translation>已读 {done}/{total} 个部分</translation>
    </message>
    <message>
        <source>Coverage {percent}, parts: {parts}</source>
        <translation>覆盖率 {percent}，共 {parts} 个部分</translation>
    </message>
    <message>
        <source>{name}: {note}</source>
        <translation>{name}：{note}</translation>
    </message>
    <message>
        <source>Sources</source>
        <translation>来源</translation>
    </message>
    <message>
        <source>Coverage: {percent} %</source>
        <translation>覆盖率：{percent} %</translation>
    </message>
</context>
<context>
    <name>DocumentsPage</name>
    <message>
        <source>Documents</source>
        <translation>文档</translation>
    </message>
    <message>
        <source>Earlier</source>
        <translation>以前的</translation>
    </message>
    <message>
        <source>Summaries and answers</source>
        <translation>摘要和回答</translation>
    </message>
    <message>
        <source>A summary reads all of a document, says how much it has read, and shows where each sentence stands.</source>
        <translation>摘要会读完整个文档，说明读了多少，并指出每句话的出处。</translation>
    </message>
</context>
<context>
    <name>EngineCard</name>
    <message>
        <source>loaded</source>
        <translation>已加载</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>卸载</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>加载</translation>
    </message>
    <message>
        <source>Unload {name}</source>
        <translation>卸载 {name}</translation>
    </message>
    <message>
        <source>Load {name}</source>
        <translation>加载 {name}</translation>
    </message>
    <message>
        <source>Report card</source>
        <translation>成绩单</translation>
    </message>
    <message>
        <source>Report card of {name}</source>
        <translation>{name} 的成绩单</translation>
    </message>
</context>
<context>
    <name>Export</name>
    <message>
        <source>Export this chat</source>
        <translation>导出此对话</translation>
    </message>
    <message>
        <source>Exported to %1.</source>
        <translation>已导出到 %1。</translation>
    </message>
    <message>
        <source>You</source>
        <translation>你</translation>
    </message>
    <message>
        <source>Assistant</source>
        <translation>助手</translation>
    </message>
    <message>
        <source>File</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Import chats</source>
        <translation>导入对话</translation>
    </message>
    <message>
        <source>Imported a chat.</source>
        <translation>已导入一个对话。</translation>
    </message>
    <message>
        <source>Imported %1 chats.</source>
        <translation>已导入 %1 个对话。</translation>
    </message>
</context>
<context>
    <name>FileView</name>
    <message>
        <source>Attached file</source>
        <translation>附件</translation>
    </message>
    <message>
        <source>%1 characters, as the model is given them</source>
        <translation>%1 个字符，与模型读到的一致</translation>
    </message>
    <message>
        <source>It was read from %1</source>
        <translation>读取自 %1</translation>
    </message>
    <message>
        <source>Go to a page</source>
        <translation>转到某一页</translation>
    </message>
    <message>
        <source>Text of %1</source>
        <translation>%1 的文字</translation>
    </message>
    <message>
        <source>Copy the text</source>
        <translation>复制文字</translation>
    </message>
    <message>
        <source>Page %1</source>
        <translation>第 %1 页</translation>
    </message>
    <message>
        <source>Slide %1</source>
        <translation>第 %1 张幻灯片</translation>
    </message>
    <message>
        <source>Chapter %1</source>
        <translation>第 %1 章</translation>
    </message>
    <message>
        <source>Part %1</source>
        <translation>第 %1 部分</translation>
    </message>
</context>
<context>
    <name>Files</name>
    <message>
        <source>Look at %1</source>
        <translation>查看 %1</translation>
    </message>
</context>
<context>
    <name>FindBar</name>
    <message>
        <source>Find in this chat</source>
        <translation>在此对话中查找</translation>
    </message>
    <message>
        <source>Match before</source>
        <translation>上一个匹配</translation>
    </message>
    <message>
        <source>Match after</source>
        <translation>下一个匹配</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>关闭</translation>
    </message>
    <message>
        <source>none</source>
        <translation>无</translation>
    </message>
</context>
<context>
    <name>FitBar</name>
    <message>
        <source>GPU memory</source>
        <translation>GPU 显存</translation>
    </message>
    <message>
        <source>weights {weights}, chats {kv}, working space {work}, other programs {others}</source>
        <translation>权重 {weights}，对话 {kv}，工作空间 {work}，其他程序 {others}</translation>
    </message>
</context>
<context>
    <name>FitCard</name>
    <message>
        <source>Make it fit</source>
        <translation>让它放得下</translation>
    </message>
    <message>
        <source>Looking whether it fits…</source>
        <translation>正在查看是否放得下…</translation>
    </message>
    <message>
        <source>Graphics card</source>
        <translation>显卡</translation>
    </message>
    <message>
        <source>The card in this computer</source>
        <translation>这台电脑的显卡</translation>
    </message>
    <message>
        <source>For</source>
        <translation>用于</translation>
    </message>
    <message>
        <source>Other programs</source>
        <translation>其他程序</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>权重</translation>
    </message>
    <message>
        <source>Chats (KV pages)</source>
        <translation>对话（KV 页）</translation>
    </message>
    <message>
        <source>Working space</source>
        <translation>工作空间</translation>
    </message>
    <message>
        <source>Download and build</source>
        <translation>下载并构建</translation>
    </message>
    <message>
        <source>Build the engine</source>
        <translation>构建引擎</translation>
    </message>
    <message>
        <source>Download {size} and build</source>
        <translation>下载 {size} 并构建</translation>
    </message>
    <message>
        <source>Whether it fits is known once its files may be read.</source>
        <translation>获准读取其文件后才能知道是否放得下。</translation>
    </message>
    <message>
        <source>No NVIDIA GPU was found in this computer. Choose a card to see what would fit it, or build an engine for the processor: good for trying small models.</source>
        <translation>这台电脑中没有找到 NVIDIA GPU。选择一块显卡可查看它放得下什么，或者为处理器构建引擎：适合试用小模型。</translation>
    </message>
    <message>
        <source>{precision} – recommended</source>
        <translation>{precision} – 推荐</translation>
    </message>
</context>
<context>
    <name>Footer</name>
    <message>
        <source>Edit</source>
        <translation>编辑</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Regenerate</source>
        <translation>重新生成</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>New chat from here</source>
        <translation>从这里开始新对话</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>删除</translation>
    </message>
    <message>
        <source>Version before</source>
        <translation>上一个版本</translation>
    </message>
    <message>
        <source>Version %1 of %2</source>
        <translation>版本 %1 / %2</translation>
    </message>
    <message>
        <source>Version after</source>
        <translation>下一个版本</translation>
    </message>
    <message>
        <source>1 token</source>
        <translation>1 个词元</translation>
    </message>
    <message>
        <source>%1 tokens</source>
        <translation>%1 个词元</translation>
    </message>
    <message>
        <source>%1 tokens/s</source>
        <translation>%1 词元/秒</translation>
    </message>
    <message>
        <source>%1 of %2 tokens from cache</source>
        <translation>%1 / %2 个词元来自缓存</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>已停止</translation>
    </message>
</context>
<context>
    <name>Formats</name>
    <message>
        <source>{number} GiB</source>
        <translation>{number} GiB</translation>
    </message>
    <message>
        <source>{number} %</source>
        <translation>{number}%</translation>
    </message>
    <message>
        <source>{number} tokens/s</source>
        <translation>{number} 词元/秒</translation>
    </message>
    <message>
        <source>{number} B parameters</source>
        <translation>{number}B 参数</translation>
    </message>
    <message>
        <source>{number} M parameters</source>
        <translation>{number}M 参数</translation>
    </message>
    <message>
        <source>{s} s</source>
        <translation>{s} 秒</translation>
    </message>
    <message>
        <source>{m} min</source>
        <translation>{m} 分</translation>
    </message>
    <message>
        <source>{m} min {s} s</source>
        <translation>{m} 分 {s} 秒</translation>
    </message>
    <message>
        <source>{h} h {m} min</source>
        <translation>{h} 小时 {m} 分</translation>
    </message>
</context>
<context>
    <name>GpuCard</name>
    <message>
        <source>GPU {index}: {name}</source>
        <translation>GPU {index}：{name}</translation>
    </message>
    <message>
        <source>{gpu}, memory in use</source>
        <translation>{gpu}，已用显存</translation>
    </message>
    <message>
        <source>{gpu}, load</source>
        <translation>{gpu}，负载</translation>
    </message>
    <message>
        <source>Memory: {used} of {total} in use</source>
        <translation>显存：已用 {used}，共 {total}</translation>
    </message>
    <message>
        <source>Load: {percent}</source>
        <translation>负载：{percent}</translation>
    </message>
    <message>
        <source>Load: this driver does not tell</source>
        <translation>负载：此驱动不提供</translation>
    </message>
</context>
<context>
    <name>Header</name>
    <message>
        <source>Show or hide the chats</source>
        <translation>显示或隐藏对话列表</translation>
    </message>
    <message>
        <source>Export this chat</source>
        <translation>导出此对话</translation>
    </message>
    <message>
        <source>Show or hide this chat&apos;s settings</source>
        <translation>显示或隐藏此对话的设置</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>选择模型</translation>
    </message>
    <message>
        <source>Model: %1</source>
        <translation>模型：%1</translation>
    </message>
    <message>
        <source>Starting the service…</source>
        <translation>正在启动服务…</translation>
    </message>
    <message>
        <source>The service ended; starting it again…</source>
        <translation>服务已结束；正在重新启动…</translation>
    </message>
    <message>
        <source>The service does not start</source>
        <translation>服务无法启动</translation>
    </message>
</context>
<context>
    <name>JobCard</name>
    <message>
        <source>Progress of {name}</source>
        <translation>{name} 的进度</translation>
    </message>
</context>
<context>
    <name>KeysDialog</name>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>键盘快捷键</translation>
    </message>
    <message>
        <source>Send the message</source>
        <translation>发送消息</translation>
    </message>
    <message>
        <source>Enter</source>
        <translation>回车</translation>
    </message>
    <message>
        <source>A new line</source>
        <translation>换行</translation>
    </message>
    <message>
        <source>Shift+Enter</source>
        <translation>Shift+回车</translation>
    </message>
    <message>
        <source>Edit your last message</source>
        <translation>编辑您的上一条消息</translation>
    </message>
    <message>
        <source>Up, in an empty field</source>
        <translation>空输入框中按向上键</translation>
    </message>
    <message>
        <source>Delete a chat</source>
        <translation>删除对话</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Delete 键</translation>
    </message>
    <message>
        <source>Select the whole conversation, from a text in it</source>
        <translation>选择整个对话（焦点在其中的文字上时）</translation>
    </message>
    <message>
        <source>Copy what is selected</source>
        <translation>复制所选内容</translation>
    </message>
</context>
<context>
    <name>Library</name>
    <message>
        <source>On this computer</source>
        <translation>在这台电脑上</translation>
    </message>
    <message>
        <source>On Hugging Face</source>
        <translation>在 Hugging Face 上</translation>
    </message>
    <message>
        <source>Look up</source>
        <translation>查询</translation>
    </message>
    <message>
        <source>Check</source>
        <translation>检查</translation>
    </message>
    <message>
        <source>Download</source>
        <translation>下载</translation>
    </message>
    <message>
        <source>Install</source>
        <translation>安装</translation>
    </message>
    <message>
        <source>Calibrate</source>
        <translation>校准</translation>
    </message>
    <message>
        <source>Quantize</source>
        <translation>量化</translation>
    </message>
    <message>
        <source>Build</source>
        <translation>构建</translation>
    </message>
    <message>
        <source>Verify</source>
        <translation>验证</translation>
    </message>
    <message>
        <source>Tune</source>
        <translation>调优</translation>
    </message>
    <message>
        <source>Measure</source>
        <translation>测量</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>加载</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Delete the old files</source>
        <translation>删除旧文件</translation>
    </message>
    <message>
        <source>Waiting for its turn</source>
        <translation>等待轮到它</translation>
    </message>
    <message>
        <source>Under way</source>
        <translation>进行中</translation>
    </message>
    <message>
        <source>Waiting for the service</source>
        <translation>正在等待服务</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>已暂停</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>完成</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>失败</translation>
    </message>
    <message>
        <source>Cancelled</source>
        <translation>已取消</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>重试</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <translation>关闭</translation>
    </message>
    <message>
        <source>16 bits, as published</source>
        <translation>16 位，与发布时相同</translation>
    </message>
    <message>
        <source>16 bits</source>
        <translation>16 位</translation>
    </message>
    <message>
        <source>8 bits, floating point</source>
        <translation>8 位，浮点</translation>
    </message>
    <message>
        <source>8 bits</source>
        <translation>8 位</translation>
    </message>
    <message>
        <source>8 bits, activations too</source>
        <translation>8 位，激活值也是</translation>
    </message>
    <message>
        <source>4 bits, floating point</source>
        <translation>4 位，浮点</translation>
    </message>
    <message>
        <source>4 bits</source>
        <translation>4 位</translation>
    </message>
    <message>
        <source>4 bits, calibrated</source>
        <translation>4 位，经校准</translation>
    </message>
    <message>
        <source>quantized by its authors</source>
        <translation>由作者量化</translation>
    </message>
    <message>
        <source>{done} of {total}</source>
        <translation>{done} / {total}</translation>
    </message>
    <message>
        <source>{size}/s</source>
        <translation>{size}/秒</translation>
    </message>
    <message>
        <source>{time} left</source>
        <translation>剩余 {time}</translation>
    </message>
    <message>
        <source>Download not finished</source>
        <translation>下载未完成</translation>
    </message>
    <message>
        <source>Cannot be used</source>
        <translation>无法使用</translation>
    </message>
    <message>
        <source>loaded</source>
        <translation>已加载</translation>
    </message>
    <message>
        <source>Only a part of it was downloaded; continue the download.</source>
        <translation>只下载了一部分；请继续下载。</translation>
    </message>
    <message>
        <source>downloads: {number}</source>
        <translation>下载次数：{number}</translation>
    </message>
    <message>
        <source>asks for an accepted licence</source>
        <translation>需要接受许可协议</translation>
    </message>
    <message>
        <source>Does not fit: {reason}</source>
        <translation>放不下：{reason}</translation>
    </message>
    <message>
        <source>{needed} of {available} free</source>
        <translation>需要 {needed}，可用 {available}</translation>
    </message>
    <message>
        <source>up to {tokens} tokens per chat</source>
        <translation>每个对话最多 {tokens} 个词元</translation>
    </message>
    <message>
        <source>at most {rate}</source>
        <translation>最多 {rate}</translation>
    </message>
    <message>
        <source>this card lacks it (compute capability {number} is needed)</source>
        <translation>此显卡不支持（需要计算能力 {number}）</translation>
    </message>
    <message>
        <source>it needs {needed}, {available} are free</source>
        <translation>需要 {needed}，可用 {available}</translation>
    </message>
    <message>
        <source>It fits as its authors quantized it, with {context} tokens of context.</source>
        <translation>按作者的量化方式放得下，上下文 {context} 个词元。</translation>
    </message>
    <message>
        <source>{precision} is the most faithful that fits on {gpu} with {context} tokens of context.</source>
        <translation>在 {gpu} 上、上下文 {context} 个词元时，{precision} 是放得下的最忠实的精度。</translation>
    </message>
    <message>
        <source>Nothing fits on {gpu} with {context} tokens of context; {shorter} tokens would.</source>
        <translation>上下文 {context} 个词元时，{gpu} 上什么都放不下；{shorter} 个词元则可以。</translation>
    </message>
    <message>
        <source>Nothing fits on {gpu}; choose a smaller model.</source>
        <translation>{gpu} 上什么都放不下；请选择更小的模型。</translation>
    </message>
    <message>
        <source>It runs on the graphics card, and was compared with the processor&apos;s results there.</source>
        <translation>它在显卡上运行，其结果已与处理器的结果比对过。</translation>
    </message>
    <message>
        <source>It runs on the processor, as no NVIDIA graphics card with a new enough driver was found when it was built.</source>
        <translation>它在处理器上运行，因为构建时没有找到驱动足够新的 NVIDIA 显卡。</translation>
    </message>
    <message>
        <source>It runs on the processor, as it could not be built or checked for the graphics card.</source>
        <translation>它在处理器上运行，因为无法为显卡构建或通过检查。</translation>
    </message>
    <message>
        <source>It was built for another graphics card than this computer&apos;s, and has not run on one yet.</source>
        <translation>它是为其他显卡构建的，尚未在这样的显卡上运行过。</translation>
    </message>
    <message>
        <source>Its backend was asked for: {backend}.</source>
        <translation>它的后端是指定的：{backend}。</translation>
    </message>
    <message>
        <source>Size on disk</source>
        <translation>磁盘占用</translation>
    </message>
    <message>
        <source>{actual} (predicted {predicted})</source>
        <translation>{actual}（预计 {predicted}）</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>Memory, predicted</source>
        <translation>内存（预计）</translation>
    </message>
    <message>
        <source>{ms} ms for a prompt of {tokens} tokens</source>
        <translation>{ms} 毫秒（提示词 {tokens} 个词元）</translation>
    </message>
    <message>
        <source>First token</source>
        <translation>首个词元</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>速度</translation>
    </message>
    <message>
        <source>{now} (unquantized {before})</source>
        <translation>{now}（未量化 {before}）</translation>
    </message>
    <message>
        <source>Perplexity</source>
        <translation>困惑度</translation>
    </message>
    <message>
        <source>Same next token</source>
        <translation>下一词元相同</translation>
    </message>
    <message>
        <source>{tokens} tokens compared with the reference</source>
        <translation>与参考后端比对了 {tokens} 个词元</translation>
    </message>
    <message>
        <source>Checked</source>
        <translation>已检查</translation>
    </message>
    <message>
        <source>Built in</source>
        <translation>构建用时</translation>
    </message>
</context>
<context>
    <name>LibraryController</name>
    <message>
        <source>{model} is loaded and answers.</source>
        <translation>{model} 已加载，可以回答。</translation>
    </message>
    <message>
        <source>Loading {model}…</source>
        <translation>正在加载 {model}…</translation>
    </message>
    <message>
        <source>{name} is installed. Its files stay in {folder}.</source>
        <translation>{name} 已安装。文件仍在 {folder}。</translation>
    </message>
    <message>
        <source>The access token is kept: {where}.</source>
        <translation>访问令牌已保存：{where}。</translation>
    </message>
    <message>
        <source>{name} is gone from the list. Its files are where they were.</source>
        <translation>{name} 已从列表中移除。文件仍在原处。</translation>
    </message>
    <message>
        <source>{name} is removed; {size} came free.</source>
        <translation>{name} 已删除；释放了 {size}。</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Chats</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Documents</source>
        <translation>文档</translation>
    </message>
    <message>
        <source>Runtime</source>
        <translation>运行状态</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>The folder of models and engines, {folder}, is not there. Connect its disk, or choose another folder in the settings; the demo model works without it.</source>
        <translation>模型和引擎的文件夹 {folder} 不存在。请连接其磁盘，或在设置中选择其他文件夹；演示模型不受影响。</translation>
    </message>
    <message>
        <source>The chats change their language with the next start, as an answer is being written.</source>
        <translation>由于正在撰写回答，对话页面将在下次启动时更改语言。</translation>
    </message>
</context>
<context>
    <name>Markdown</name>
    <message>
        <source>image</source>
        <translation>图片</translation>
    </message>
</context>
<context>
    <name>Messages</name>
    <message>
        <source>Something went wrong inside Deskside; the log in the state folder says more.</source>
        <translation>Deskside 内部出了问题；状态文件夹中的日志有更多说明。</translation>
    </message>
</context>
<context>
    <name>Meter</name>
    <message>
        <source>%1 of %2 tokens</source>
        <translation>%1 / %2 个词元</translation>
    </message>
    <message>
        <source>%1 tokens</source>
        <translation>%1 个词元</translation>
    </message>
    <message>
        <source>Context used: %1</source>
        <translation>已用上下文：%1</translation>
    </message>
    <message>
        <source>reading %1 %</source>
        <translation>已读 %1%</translation>
    </message>
    <message>
        <source>%1 of %2 tokens from cache</source>
        <translation>%1 / %2 个词元来自缓存</translation>
    </message>
    <message>
        <source>%1 tokens/s</source>
        <translation>%1 词元/秒</translation>
    </message>
</context>
<context>
    <name>ModelCard</name>
    <message>
        <source>Sequences in flight</source>
        <translation>进行中的序列</translation>
    </message>
    <message>
        <source>In the queue</source>
        <translation>排队中</translation>
    </message>
    <message>
        <source>Answers</source>
        <translation>回答</translation>
    </message>
    <message>
        <source>Prompts</source>
        <translation>提示词</translation>
    </message>
    <message>
        <source>Of prompts from cache</source>
        <translation>提示词来自缓存</translation>
    </message>
    <message>
        <source>KV pages</source>
        <translation>KV 页</translation>
    </message>
    <message>
        <source>{number} used</source>
        <translation>{number} 已用</translation>
    </message>
    <message>
        <source>{number} cached</source>
        <translation>{number} 缓存</translation>
    </message>
    <message>
        <source>{number} free</source>
        <translation>{number} 空闲</translation>
    </message>
</context>
<context>
    <name>ModelDetail</name>
    <message>
        <source>context of {tokens} tokens</source>
        <translation>上下文 {tokens} 个词元</translation>
    </message>
    <message>
        <source>files in {folder}</source>
        <translation>文件在 {folder}</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>卸载</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>加载</translation>
    </message>
    <message>
        <source>Unload {name}</source>
        <translation>卸载 {name}</translation>
    </message>
    <message>
        <source>Load {name}</source>
        <translation>加载 {name}</translation>
    </message>
    <message>
        <source>Continue the download</source>
        <translation>继续下载</translation>
    </message>
    <message>
        <source>Engines</source>
        <translation>引擎</translation>
    </message>
    <message>
        <source>Its authors ask for an accepted licence</source>
        <translation>作者要求接受许可协议</translation>
    </message>
    <message>
        <source>Accept it on the model&apos;s page, make an access token (read) in your Hugging Face settings, and paste it.</source>
        <translation>在模型页面上接受许可协议，在 Hugging Face 设置中创建一个（只读）访问令牌，然后粘贴到这里。</translation>
    </message>
    <message>
        <source>Access token</source>
        <translation>访问令牌</translation>
    </message>
    <message>
        <source>Keep the token</source>
        <translation>保存令牌</translation>
    </message>
    <message>
        <source>Only download</source>
        <translation>仅下载</translation>
    </message>
    <message>
        <source>Open its page in the browser</source>
        <translation>在浏览器中打开其页面</translation>
    </message>
    <message>
        <source>quantized by its authors</source>
        <translation>由作者量化</translation>
    </message>
</context>
<context>
    <name>ModelsPage</name>
    <message>
        <source>Import a folder…</source>
        <translation>导入文件夹…</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Search Hugging Face, or paste a model&apos;s id or a folder</source>
        <translation>搜索 Hugging Face，或粘贴模型名称或文件夹</translation>
    </message>
    <message>
        <source>Search models</source>
        <translation>搜索模型</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>搜索</translation>
    </message>
    <message>
        <source>Waiting for the service…</source>
        <translation>正在等待服务…</translation>
    </message>
    <message>
        <source>Searching…</source>
        <translation>正在搜索…</translation>
    </message>
    <message>
        <source>Nothing new was found. Only models with safetensors weights are shown.</source>
        <translation>没有找到新的模型。只显示带 safetensors 权重的模型。</translation>
    </message>
    <message>
        <source>{free} of {total} free in {folder}</source>
        <translation>{folder} 可用 {free}，共 {total}</translation>
    </message>
    <message>
        <source>The folder of a Hugging Face checkpoint</source>
        <translation>Hugging Face 检查点所在的文件夹</translation>
    </message>
</context>
<context>
    <name>NetworkCard</name>
    <message>
        <source>Network</source>
        <translation>网络</translation>
    </message>
    <message>
        <source>Offline: never contact the internet</source>
        <translation>离线：从不连接互联网</translation>
    </message>
    <message>
        <source>Let other computers on the local network use the models</source>
        <translation>允许局域网中的其他电脑使用模型</translation>
    </message>
    <message>
        <source>Warning: whoever has the token can use your models, and the connection is not encrypted. Turn this on only in a network you trust.</source>
        <translation>警告：持有令牌的人都可以使用您的模型，且连接未加密。请只在您信任的网络中开启。</translation>
    </message>
    <message>
        <source>Copy the token</source>
        <translation>复制令牌</translation>
    </message>
    <message>
        <source>Every network call that Deskside can make</source>
        <translation>Deskside 可能发出的所有网络请求</translation>
    </message>
    <message>
        <source>Updates: off. Deskside never looks for a new version and sends no statistics.</source>
        <translation>更新：关闭。Deskside 从不查找新版本，也不发送任何统计数据。</translation>
    </message>
    <message>
        <source>Other computers reach it at port {port} of this one, with the token.</source>
        <translation>其他电脑可凭令牌通过本机的端口 {port} 访问。</translation>
    </message>
    <message>
        <source>The service that runs now can only be reached from this computer.</source>
        <translation>当前运行的服务只能从这台电脑访问。</translation>
    </message>
    <message>
        <source>The token is in the clipboard. It changes when the service starts again.</source>
        <translation>令牌已在剪贴板中。服务重新启动后令牌会改变。</translation>
    </message>
</context>
<context>
    <name>Note</name>
    <message>
        <source>Continue</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>重试</translation>
    </message>
    <message>
        <source>The answer reached its longest length; it can go on from here.</source>
        <translation>回答已达到最大长度；可以从这里继续。</translation>
    </message>
    <message>
        <source>This answer was interrupted; what had been written is kept.</source>
        <translation>此回答被中断；已写的内容已保留。</translation>
    </message>
    <message>
        <source>The answer failed.</source>
        <translation>回答失败。</translation>
    </message>
</context>
<context>
    <name>PagesBar</name>
    <message>
        <source>KV pages</source>
        <translation>KV 页</translation>
    </message>
    <message>
        <source>{used} used, {cached} cached, {free} free</source>
        <translation>{used} 已用，{cached} 缓存，{free} 空闲</translation>
    </message>
</context>
<context>
    <name>Panel</name>
    <message>
        <source>How the model should behave in this chat</source>
        <translation>模型在此对话中应如何表现</translation>
    </message>
    <message>
        <source>System prompt</source>
        <translation>系统提示词</translation>
    </message>
    <message>
        <source>Preset</source>
        <translation>预设</translation>
    </message>
    <message>
        <source>Save as preset…</source>
        <translation>保存为预设…</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>移除</translation>
    </message>
    <message>
        <source>Sampling</source>
        <translation>采样</translation>
    </message>
    <message>
        <source>Own values</source>
        <translation>自定义值</translation>
    </message>
    <message>
        <source>random</source>
        <translation>随机</translation>
    </message>
    <message>
        <source>all</source>
        <translation>全部</translation>
    </message>
    <message>
        <source>no limit</source>
        <translation>不限</translation>
    </message>
    <message>
        <source>Save as preset</source>
        <translation>保存为预设</translation>
    </message>
    <message>
        <source>Name:</source>
        <translation>名称：</translation>
    </message>
    <message>
        <source>This name is taken; choose another one.</source>
        <translation>此名称已被使用；请换一个。</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>温度</translation>
    </message>
    <message>
        <source>Top p</source>
        <translation>Top p</translation>
    </message>
    <message>
        <source>Top k</source>
        <translation>Top k</translation>
    </message>
    <message>
        <source>Min p</source>
        <translation>Min p</translation>
    </message>
    <message>
        <source>Repetition penalty</source>
        <translation>重复惩罚</translation>
    </message>
    <message>
        <source>Longest answer (tokens)</source>
        <translation>最长回答（词元）</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>种子</translation>
    </message>
    <message>
        <source>Model&apos;s own</source>
        <translation>模型自带</translation>
    </message>
    <message>
        <source>Precise</source>
        <translation>精确</translation>
    </message>
    <message>
        <source>Creative</source>
        <translation>有创意</translation>
    </message>
    <message>
        <source>Same answer every time</source>
        <translation>每次回答相同</translation>
    </message>
</context>
<context>
    <name>PassageCard</name>
    <message>
        <source>Source passage</source>
        <translation>来源段落</translation>
    </message>
    <message>
        <source>Close the source passage</source>
        <translation>关闭来源段落</translation>
    </message>
    <message>
        <source>Open the document</source>
        <translation>打开文档</translation>
    </message>
    <message>
        <source>The passages come with the finished text.</source>
        <translation>段落将随完成的文本一起提供。</translation>
    </message>
    <message>
        <source>{file} cannot be opened; was it moved?</source>
        <translation>无法打开 {file}；它被移动了吗？</translation>
    </message>
</context>
<context>
    <name>PickerPopup</name>
    <message>
        <source>Its download is not finished; go on with it on the page Models.</source>
        <translation>下载尚未完成；请在“模型”页面继续下载。</translation>
    </message>
    <message>
        <source>Without an NVIDIA GPU it answers slowly.</source>
        <translation>没有 NVIDIA 显卡时回答会很慢。</translation>
    </message>
    <message>
        <source>Its weights ({size}) do not fit into the memory of the graphics card ({memory}); build an engine of it, on the page Models.</source>
        <translation>其权重（{size}）超出显卡的显存（{memory}）；请在“模型”页面为它构建引擎。</translation>
    </message>
    <message>
        <source>loaded</source>
        <translation>已加载</translation>
    </message>
    <message>
        <source>loading…</source>
        <translation>正在加载…</translation>
    </message>
    <message>
        <source>restarting…</source>
        <translation>正在重新启动…</translation>
    </message>
    <message>
        <source>safe mode</source>
        <translation>安全模式</translation>
    </message>
    <message>
        <source>{count} tokens</source>
        <translation>{count} 个词元</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>选择模型</translation>
    </message>
    <message>
        <source>Find a model</source>
        <translation>查找模型</translation>
    </message>
    <message>
        <source>The models are listed once the service has started.</source>
        <translation>服务启动后会列出模型。</translation>
    </message>
    <message>
        <source>Get more models</source>
        <translation>获取更多模型</translation>
    </message>
</context>
<context>
    <name>QAbstractFileIconProvider</name>
    <message>
        <source>Folder</source>
        <translation>文件夹</translation>
    </message>
</context>
<context>
    <name>QFileDialog</name>
    <message>
        <source>&amp;Look in:</source>
        <translation>查找范围(&amp;L)：</translation>
    </message>
    <message>
        <source>Files of &amp;type:</source>
        <translation>文件类型(&amp;T)：</translation>
    </message>
</context>
<context>
    <name>RateChart</name>
    <message>
        <source>Tokens per second over the last two minutes</source>
        <translation>最近两分钟的每秒词元数</translation>
    </message>
    <message>
        <source>Answers {output}, prompts {prompt}, peak {peak}</source>
        <translation>回答 {output}，提示词 {prompt}，峰值 {peak}</translation>
    </message>
    <message>
        <source>{time} ago</source>
        <translation>{time}前</translation>
    </message>
    <message>
        <source>now</source>
        <translation>现在</translation>
    </message>
</context>
<context>
    <name>Reader</name>
    <message>
        <source>Text with citations</source>
        <translation>带引用的文本</translation>
    </message>
</context>
<context>
    <name>Reasoning</name>
    <message>
        <source>Thinking…</source>
        <translation>正在思考…</translation>
    </message>
    <message>
        <source>Thoughts</source>
        <translation>思考过程</translation>
    </message>
    <message>
        <source>Show what the model thought</source>
        <translation>显示模型的思考过程</translation>
    </message>
</context>
<context>
    <name>RemoveBar</name>
    <message>
        <source>Remove…</source>
        <translation>删除…</translation>
    </message>
    <message>
        <source>Remove {name}</source>
        <translation>删除 {name}</translation>
    </message>
    <message>
        <source>Remove {name} from the list? Its files stay where they are.</source>
        <translation>从列表中移除 {name}？文件仍留在原处。</translation>
    </message>
    <message>
        <source>Remove {name}? {size} come free; it can be downloaded or built again.</source>
        <translation>删除 {name}？将释放 {size}；以后可以重新下载或构建。</translation>
    </message>
    <message>
        <source>It is loaded, and is unloaded first.</source>
        <translation>它已加载，会先卸载。</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>删除</translation>
    </message>
    <message>
        <source>Remove {name} now</source>
        <translation>立即删除 {name}</translation>
    </message>
    <message>
        <source>Keep it</source>
        <translation>保留</translation>
    </message>
</context>
<context>
    <name>ResultView</name>
    <message>
        <source>Progress</source>
        <translation>进度</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>导出…</translation>
    </message>
    <message>
        <source>Remove from the list</source>
        <translation>从列表中移除</translation>
    </message>
    <message>
        <source>{number} at the same time</source>
        <translation>同时进行 {number} 个</translation>
    </message>
    <message>
        <source>Copied.</source>
        <translation>已复制。</translation>
    </message>
    <message>
        <source>Markdown</source>
        <translation>Markdown</translation>
    </message>
    <message>
        <source>Web page</source>
        <translation>网页</translation>
    </message>
    <message>
        <source>Text</source>
        <translation>文本</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>导出</translation>
    </message>
    <message>
        <source>{file} cannot be written ({reason}); choose another folder.</source>
        <translation>无法写入 {file}（{reason}）；请选择其他文件夹。</translation>
    </message>
    <message>
        <source>Saved as {file}.</source>
        <translation>已保存为 {file}。</translation>
    </message>
</context>
<context>
    <name>RowWidgets</name>
    <message>
        <source>Thoughts</source>
        <translation>思考过程</translation>
    </message>
    <message>
        <source>You wrote</source>
        <translation>您写道</translation>
    </message>
    <message>
        <source>Answer</source>
        <translation>回答</translation>
    </message>
</context>
<context>
    <name>Runtime</name>
    <message>
        <source>loading</source>
        <translation>加载中</translation>
    </message>
    <message>
        <source>ready</source>
        <translation>就绪</translation>
    </message>
    <message>
        <source>restarting</source>
        <translation>正在重新启动</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>失败</translation>
    </message>
    <message>
        <source>stopping</source>
        <translation>正在停止</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>safe mode</source>
        <translation>安全模式</translation>
    </message>
    <message>
        <source>GPUs cannot be asked: the package nvidia-ml-py is not installed (it comes with the extra “gpu”).</source>
        <translation>无法查询 GPU：未安装软件包 nvidia-ml-py（随附加组件“gpu”提供）。</translation>
    </message>
    <message>
        <source>No NVIDIA driver was found. Models run on the processor; with an NVIDIA GPU, install its driver.</source>
        <translation>未找到 NVIDIA 驱动。模型在处理器上运行；如有 NVIDIA GPU，请安装其驱动。</translation>
    </message>
    <message>
        <source>The NVIDIA driver finds no GPU. Models run on the processor. After a driver update, restart.</source>
        <translation>NVIDIA 驱动未找到 GPU。模型在处理器上运行。更新驱动后请重新启动。</translation>
    </message>
    <message>
        <source>The NVIDIA driver does not answer. Models run on the processor until it does: restart the machine.</source>
        <translation>NVIDIA 驱动没有响应。在其恢复之前模型在处理器上运行：请重新启动电脑。</translation>
    </message>
</context>
<context>
    <name>RuntimePage</name>
    <message>
        <source>Runtime</source>
        <translation>运行状态</translation>
    </message>
    <message>
        <source>Tokens per second</source>
        <translation>每秒词元数</translation>
    </message>
    <message>
        <source>Answers, now</source>
        <translation>回答，当前</translation>
    </message>
    <message>
        <source>Prompts, now (dashed line)</source>
        <translation>提示词，当前（虚线）</translation>
    </message>
    <message>
        <source>Peak</source>
        <translation>峰值</translation>
    </message>
    <message>
        <source>Graphics cards</source>
        <translation>显卡</translation>
    </message>
    <message>
        <source>Waiting for the service…</source>
        <translation>正在等待服务…</translation>
    </message>
    <message>
        <source>No model is loaded. The first question loads one.</source>
        <translation>没有加载模型。第一个问题会加载一个。</translation>
    </message>
</context>
<context>
    <name>RuntimeSettingsCard</name>
    <message>
        <source>In force once the background service starts again.</source>
        <translation>后台服务重新启动后生效。</translation>
    </message>
    <message>
        <source>Restart the service now</source>
        <translation>立即重新启动服务</translation>
    </message>
    <message>
        <source>Set by the environment variable {name}.</source>
        <translation>由环境变量 {name} 设定。</translation>
    </message>
    <message>
        <source>The background service starts again; loaded models load when next used.</source>
        <translation>后台服务正在重新启动；已加载的模型将在下次使用时加载。</translation>
    </message>
</context>
<context>
    <name>Service</name>
    <message>
        <source>{summary} Details: {fact}</source>
        <translation>{summary}详情（英文）：{fact}</translation>
    </message>
    <message>
        <source>{summary} In detail, in English: {sentence}</source>
        <translation>{summary}详情（英文）：{sentence}</translation>
    </message>
    <message>
        <source>The Deskside service ended {end}.</source>
        <translation>Deskside 服务{end}。</translation>
    </message>
    <message>
        <source>The Deskside service does not answer; it may have been stopped.</source>
        <translation>Deskside 服务没有响应；它可能已被停止。</translation>
    </message>
    <message>
        <source>The folder of models and engines is &apos;{library}&apos;, which is relative to wherever a program starts; give an absolute one as `library`.</source>
        <translation>模型和引擎的文件夹是“{library}”，这是相对路径；请在 `library` 中给出绝对路径。</translation>
    </message>
    <message>
        <source>{file} cannot be written ({strerror}); correct its permissions.</source>
        <translation>无法写入 {file}（{strerror}）；请更正其权限。</translation>
    </message>
    <message>
        <source>{file} is not valid TOML ({error}); correct it or remove it.</source>
        <translation>{file} 不是有效的 TOML（{error}）；请更正或删除它。</translation>
    </message>
    <message>
        <source>{file} cannot be read ({strerror}); correct its permissions.</source>
        <translation>无法读取 {file}（{strerror}）；请更正其权限。</translation>
    </message>
    <message>
        <source>The question is empty; ask something.</source>
        <translation>问题是空的；请输入问题。</translation>
    </message>
    <message>
        <source>The question leaves {room} of the {context} tokens of &apos;{model}&apos; for the document; ask a shorter one, or take a model with more context.</source>
        <translation>模型“{model}”共有 {context} 个词元，问题之后只剩 {room} 个可用于文档；请缩短问题，或选用上下文更长的模型。</translation>
    </message>
    <message>
        <source>The model &apos;{model}&apos; takes {context} tokens, too few to summarize a document with this request; take a model with more context, or a shorter focus.</source>
        <translation>模型“{model}”只接受 {context} 个词元，不足以按此要求总结文档；请选用上下文更长的模型，或缩短重点说明。</translation>
    </message>
    <message>
        <source>There are more than {MAX_FILES} files; choose fewer.</source>
        <translation>文件超过 {MAX_FILES} 个；请少选一些。</translation>
    </message>
    <message>
        <source>There is no file or folder &apos;{path}&apos;.</source>
        <translation>没有文件或文件夹“{path}”。</translation>
    </message>
    <message>
        <source>&apos;{path}&apos; is no file.</source>
        <translation>“{path}”不是文件。</translation>
    </message>
    <message>
        <source>&apos;{name}&apos; is damaged or no {what} ({why}); open it in its own program and save it again.</source>
        <translation>“{name}”已损坏或不是 {what}（{why}）；请用其自身的程序打开并重新保存。</translation>
    </message>
    <message>
        <source>&apos;{name}&apos; is protected by a password; save a copy without one and use that.</source>
        <translation>“{name}”受密码保护；请另存一份没有密码的副本并使用它。</translation>
    </message>
    <message>
        <source>&apos;{name}&apos; cannot be used: {why}.</source>
        <translation>无法使用“{name}”：{why}。</translation>
    </message>
    <message>
        <source>it holds no text</source>
        <translation>其中没有文本</translation>
    </message>
    <message>
        <source>&apos;{path}&apos; cannot be read: its reader {reason}; the file is probably damaged.</source>
        <translation>无法读取“{path}”：其读取进程{reason}；该文件可能已损坏。</translation>
    </message>
    <message>
        <source>&apos;{path}&apos; cannot be read: its reader sent what nobody understands.</source>
        <translation>无法读取“{path}”：其读取进程返回了无法理解的内容。</translation>
    </message>
    <message>
        <source>&apos;{path}&apos; is of a kind that is not read; save it as one of {kinds}.</source>
        <translation>“{path}”的类型无法读取；请另存为以下类型之一：{kinds}。</translation>
    </message>
    <message>
        <source>There is no file &apos;{path}&apos;.</source>
        <translation>没有文件“{path}”。</translation>
    </message>
    <message>
        <source>&apos;{path}&apos; cannot be read ({strerror}).</source>
        <translation>无法读取“{path}”（{strerror}）。</translation>
    </message>
    <message>
        <source>It was stopped before it was done.</source>
        <translation>在完成之前被停止了。</translation>
    </message>
    <message>
        <source>&apos;{folder}&apos; cannot be used ({strerror}).</source>
        <translation>无法使用“{folder}”（{strerror}）。</translation>
    </message>
    <message>
        <source>The job failed because of a fault in Deskside; &apos;{log}&apos; has the details.</source>
        <translation>任务因 Deskside 的故障而失败；详情见“{log}”。</translation>
    </message>
    <message>
        <source>There is no space left on the disk of &apos;{place}&apos;; free some, then resume.</source>
        <translation>“{place}”所在磁盘已无空间；请腾出空间后继续。</translation>
    </message>
    <message>
        <source>{MAX_OPEN} jobs are waiting already; cancel some, or try again later.</source>
        <translation>已有 {MAX_OPEN} 个任务在等待；请取消一些，或稍后再试。</translation>
    </message>
    <message>
        <source>There is no job &apos;{job_id}&apos;.</source>
        <translation>没有任务“{job_id}”。</translation>
    </message>
    <message>
        <source>The job &apos;{job_id}&apos; is {value}; cancel it first.</source>
        <translation>任务“{job_id}”的状态为 {value}；请先取消它。</translation>
    </message>
    <message>
        <source>The list of jobs is not open yet.</source>
        <translation>任务列表尚未打开。</translation>
    </message>
    <message>
        <source>The job &apos;{job_id}&apos; is {value} and cannot be resumed.</source>
        <translation>任务“{job_id}”的状态为 {value}，无法继续。</translation>
    </message>
    <message>
        <source>&apos;{path}&apos; was written by a newer Deskside (form {version}, this one knows {migrations}); update Deskside.</source>
        <translation>“{path}”由更新版本的 Deskside 写入（格式 {version}，此版本只认识到 {migrations}）；请更新 Deskside。</translation>
    </message>
    <message>
        <source>The process of this job {reason} before it was done; resume to try again.</source>
        <translation>此任务的进程在完成之前{reason}；点“继续”重试。</translation>
    </message>
    <message>
        <source>The model &apos;{model}&apos; is not ready; resume the job in a moment.</source>
        <translation>模型“{model}”尚未就绪；请稍后继续此任务。</translation>
    </message>
    <message>
        <source>The Deskside service does not answer; resume the job when it runs.</source>
        <translation>Deskside 服务没有响应；待其运行后请继续此任务。</translation>
    </message>
    <message>
        <source>The list of jobs in &apos;{path}&apos; cannot be used ({error}); free space or see its rights.</source>
        <translation>“{path}”中的任务列表无法使用（{error}）；请腾出空间或检查其权限。</translation>
    </message>
    <message>
        <source>{asked} is an engine; give the model that it was built of.</source>
        <translation>{asked} 是一个引擎；请给出构建它的模型。</translation>
    </message>
    <message>
        <source>The engine {name} is being built already{lock_file}; wait for that or stop it.</source>
        <translation>引擎 {name} 已在构建中{lock_file}；请等待，或停止它。</translation>
    </message>
    <message>
        <source>The engine of {model} in {precision} needs {needed} GB, but the disk with {engines} has only {free} GB free; free {free2} GB and go on, or move models and engines to another disk (Settings, Storage).</source>
        <translation>{precision} 精度的 {model} 引擎需要 {needed} GB，但 {engines} 所在磁盘只剩 {free} GB；请腾出 {free2} GB 后继续，或将模型和引擎移到其他磁盘（设置，存储）。</translation>
    </message>
    <message>
        <source>There is no model or folder &apos;{model}&apos;; installed are: {names}.</source>
        <translation>没有模型或文件夹“{model}”；已安装的有：{names}。</translation>
    </message>
    <message>
        <source>{path} holds no JSON object; download the model again.</source>
        <translation>{path} 中没有 JSON 对象；请重新下载该模型。</translation>
    </message>
    <message>
        <source>The folder &apos;{model}&apos; cannot be opened ({strerror}); correct its permissions.</source>
        <translation>无法打开文件夹“{model}”（{strerror}）；请更正其权限。</translation>
    </message>
    <message>
        <source>There is no model or folder {model} ({error}).</source>
        <translation>没有模型或文件夹 {model}（{error}）。</translation>
    </message>
    <message>
        <source>{path} cannot be used: {message} Correct it, or download it again.</source>
        <translation>{path} 无法使用：{message} 请更正它，或重新下载。</translation>
    </message>
    <message>
        <source>There is no {path}; choose a folder that holds a Hugging Face checkpoint.</source>
        <translation>没有 {path}；请选择包含 Hugging Face 检查点的文件夹。</translation>
    </message>
    <message>
        <source>{path} cannot be read ({strerror}); correct its permissions.</source>
        <translation>无法读取 {path}（{strerror}）；请更正其权限。</translation>
    </message>
    <message>
        <source>{path} is not valid JSON ({error}); download the model again.</source>
        <translation>{path} 不是有效的 JSON（{error}）；请重新下载该模型。</translation>
    </message>
    <message>
        <source>{host} refuses to send a file of {repo} (HTTP {status}); try again later.</source>
        <translation>{host} 拒绝发送 {repo} 的文件（HTTP {status}）；请稍后再试。</translation>
    </message>
    <message>
        <source>{netloc} redirects to an address that is not safe ({schemes}).</source>
        <translation>{netloc} 重定向到不安全的地址（{schemes}）。</translation>
    </message>
    <message>
        <source>{url} is not on {host} any more, though {repo} lists it; start the download again.</source>
        <translation>{host} 上已没有 {url}，尽管 {repo} 列出了它；请重新开始下载。</translation>
    </message>
    <message>
        <source>The network cannot be used ({error}); check the proxy settings of this system.</source>
        <translation>无法使用网络（{error}）；请检查系统的代理设置。</translation>
    </message>
    <message>
        <source>{path} of {repo} arrived twice with a wrong checksum; something on the way changes it, or the Hub&apos;s copy is damaged. Try again later or from another network.</source>
        <translation>{repo} 的 {path} 两次下载的校验和都不对；途中有东西改动了它，或 Hub 上的副本已损坏。请稍后再试，或换一个网络。</translation>
    </message>
    <message>
        <source>{message} A model on the Hub is written ORGANIZATION/NAME.</source>
        <translation>{message} Hub 上的模型写作 组织/名称。</translation>
    </message>
    <message>
        <source>The repository {repo} gives no usable hash for {path}; it cannot be verified.</source>
        <translation>仓库 {repo} 没有给出 {path} 的可用哈希；无法校验。</translation>
    </message>
    <message>
        <source>The Hub cannot answer the search at the moment; try again later.</source>
        <translation>Hub 目前无法回答搜索；请稍后再试。</translation>
    </message>
    <message>
        <source>{repo} is gated and your account may not read it (HTTP {status}): accept the licence at {page}, then try again; some authors take a while to approve, and the token needs the permission to read gated models.</source>
        <translation>{repo} 设有门槛，您的账户无权读取（HTTP {status}）：请在 {page} 接受许可后再试；有些作者需要一段时间审批，令牌也需要读取受限模型的权限。</translation>
    </message>
    <message>
        <source>The Hub refuses {repo} with your access token (HTTP {status}); check at {page} that the name is right and that this token may read it.</source>
        <translation>Hub 拒绝用您的访问令牌读取 {repo}（HTTP {status}）；请在 {page} 检查名称是否正确、此令牌是否可读取。</translation>
    </message>
    <message>
        <source>Hugging Face&apos;s client is offline by HF_HUB_OFFLINE; unset it to download.</source>
        <translation>Hugging Face 客户端因 HF_HUB_OFFLINE 而离线；请取消该设置再下载。</translation>
    </message>
    <message>
        <source>{repo} has no revision &apos;{revision}&apos;; its branches and commits are at {repo2}/tree/main.</source>
        <translation>{repo} 没有修订版“{revision}”；其分支和提交见 {repo2}/tree/main。</translation>
    </message>
    <message>
        <source>&apos;{repo}&apos; is no name of a model; write it as on the Hub, such as Qwen/Qwen3-8B.</source>
        <translation>“{repo}”不是模型名称；请按 Hub 上的写法，例如 Qwen/Qwen3-8B。</translation>
    </message>
    <message>
        <source>There is no model {repo} on {endpoint}; check the name at {repo2}.</source>
        <translation>{endpoint} 上没有模型 {repo}；请在 {repo2} 检查名称。</translation>
    </message>
    <message>
        <source>There is no folder {folder}.</source>
        <translation>没有文件夹 {folder}。</translation>
    </message>
    <message>
        <source>{folder} has no safetensors weights; choose the folder of a Hugging Face checkpoint.</source>
        <translation>{folder} 中没有 safetensors 权重；请选择 Hugging Face 检查点的文件夹。</translation>
    </message>
    <message>
        <source>The demo model is part of Deskside and cannot be removed.</source>
        <translation>演示模型是 Deskside 的一部分，无法移除。</translation>
    </message>
    <message>
        <source>The model {name} is being downloaded{pull_path}; stop the download first.</source>
        <translation>模型 {name} 正在下载{pull_path}；请先停止下载。</translation>
    </message>
    <message>
        <source>The engine {engine} is being built; cancel that first.</source>
        <translation>引擎 {engine} 正在构建；请先取消构建。</translation>
    </message>
    <message>
        <source>{folder} cannot be removed ({strerror}); end the program that uses it, then try again.</source>
        <translation>无法移除 {folder}（{strerror}）；请结束使用它的程序后再试。</translation>
    </message>
    <message>
        <source>Not all of {trash} could be deleted ({strerror}); correct its permissions and delete that folder.</source>
        <translation>未能删除 {trash} 的全部内容（{strerror}）；请更正权限并删除该文件夹。</translation>
    </message>
    <message>
        <source>The build was stopped.</source>
        <translation>构建已停止。</translation>
    </message>
    <message>
        <source>Models and engines are being moved to another folder; try again when that is done.</source>
        <translation>模型和引擎正在移到其他文件夹；请在完成后再试。</translation>
    </message>
    <message>
        <source>A model is in use, being downloaded or being built; unload it, or wait for that, then move models and engines.</source>
        <translation>有模型正在使用、下载或构建；请卸载它或等待完成，然后再移动模型和引擎。</translation>
    </message>
    <message>
        <source>{removeprefix} is in use by a running Deskside; unload it or end that program, then try again.</source>
        <translation>{removeprefix} 正被运行中的 Deskside 使用；请卸载它或结束该程序，然后再试。</translation>
    </message>
    <message>
        <source>{path} cannot be locked ({strerror}); keep the models on a local disk.</source>
        <translation>无法锁定 {path}（{strerror}）；请将模型放在本地磁盘上。</translation>
    </message>
    <message>
        <source>{removeprefix} is being removed or replaced; try again in a moment.</source>
        <translation>{removeprefix} 正在被移除或替换；请稍后再试。</translation>
    </message>
    <message>
        <source>{path} cannot be used ({error}); remove the model and link its folder again.</source>
        <translation>{path} 无法使用（{error}）；请移除该模型并重新链接其文件夹。</translation>
    </message>
    <message>
        <source>{place} cannot be read or written ({strerror}); models and engines are where they were. Correct that, or choose another folder.</source>
        <translation>无法读取或写入 {place}（{strerror}）；模型和引擎仍在原处。请更正后再试，或选择其他文件夹。</translation>
    </message>
    <message>
        <source>Models and engines are being moved; wait for that, or cancel it first.</source>
        <translation>模型和引擎正在移动；请等待，或先取消。</translation>
    </message>
    <message>
        <source>Models and engines need {needed} GB, but the disk with {target} has only {free} GB free; free {free2} GB there, or choose another folder. Nothing was changed.</source>
        <translation>模型和引擎需要 {needed} GB，但 {target} 所在磁盘只剩 {free} GB；请在那里腾出 {free2} GB，或选择其他文件夹。没有任何改动。</translation>
    </message>
    <message>
        <source>The disk with {target} is full; free some space there and go on, or cancel. Models and engines are where they were.</source>
        <translation>{target} 所在磁盘已满；请腾出空间后继续，或取消。模型和引擎仍在原处。</translation>
    </message>
    <message>
        <source>The file system with {target} cannot hold a file this large (FAT32 ends at 4 GB); choose a folder on another disk.</source>
        <translation>{target} 的文件系统放不下这么大的文件（FAT32 上限为 4 GB）；请选择其他磁盘上的文件夹。</translation>
    </message>
    <message>
        <source>{twin} is not what was written there: that disk fails. Everything is as it was; choose another disk.</source>
        <translation>{twin} 与写入的内容不符：该磁盘有故障。一切保持原样；请选择其他磁盘。</translation>
    </message>
    <message>
        <source>&apos;{text}&apos; has no usable revision; write REPO@REVISION with a branch, a tag or a commit.</source>
        <translation>“{text}”没有可用的修订版；请写成 仓库@修订版，即分支、标签或提交。</translation>
    </message>
    <message>
        <source>The repository {repo} names a file {path}, which could be written outside of the model&apos;s folder; do not use this model.</source>
        <translation>仓库 {repo} 中有名为 {path} 的文件，可能写到模型文件夹之外；请勿使用此模型。</translation>
    </message>
    <message>
        <source>{path} cannot be written ({strerror}); correct its permissions, or choose another folder for models.</source>
        <translation>无法写入 {path}（{strerror}）；请更正其权限，或为模型选择其他文件夹。</translation>
    </message>
    <message>
        <source>The disk with {parent} is full: this file alone needs another {missing} GB; free some space and start the download again, it goes on where it stopped.</source>
        <translation>{parent} 所在磁盘已满：仅此文件就还需要 {missing} GB；请腾出空间并重新开始下载，它会从中断处继续。</translation>
    </message>
    <message>
        <source>The file system with {parent} cannot hold a file this large (FAT32 ends at 4 GB); move models and engines to another disk (Settings, Storage).</source>
        <translation>{parent} 的文件系统放不下这么大的文件（FAT32 上限为 4 GB）；请将模型和引擎移到其他磁盘（设置，存储）。</translation>
    </message>
    <message>
        <source>The name &apos;demo&apos; belongs to the model that ships with Deskside.</source>
        <translation>名称“demo”属于 Deskside 自带的模型。</translation>
    </message>
    <message>
        <source>{name} is being downloaded already{holder}; wait for that or stop it.</source>
        <translation>{name} 已在下载中{holder}；请等待，或停止它。</translation>
    </message>
    <message>
        <source>{target} is {what}; remove or rename it first.</source>
        <translation>{target} 是{what}；请先移除或改名。</translation>
    </message>
    <message>
        <source>{repo} needs another {missing} and {TEMPORARY} of working space, but the disk with {models} has only {free} free; free {free2}, or move models and engines to another disk (Settings, Storage).</source>
        <translation>{repo} 还需要 {missing} 以及 {TEMPORARY} 的工作空间，但 {models} 所在磁盘只剩 {free}；请腾出 {free2}，或将模型和引擎移到其他磁盘（设置，存储）。</translation>
    </message>
    <message>
        <source>config.json of {repo} holds no JSON object; choose another model.</source>
        <translation>{repo} 的 config.json 中没有 JSON 对象；请选择其他模型。</translation>
    </message>
    <message>
        <source>{file} on the Hub is not a safetensors file ({error}); choose another model.</source>
        <translation>Hub 上的 {file} 不是 safetensors 文件（{error}）；请选择其他模型。</translation>
    </message>
    <message>
        <source>config.json of {repo} is not valid JSON ({error}); choose another model.</source>
        <translation>{repo} 的 config.json 不是有效的 JSON（{error}）；请选择其他模型。</translation>
    </message>
    <message>
        <source>{what} failed: {reason}, and the server asks to wait {retry_after} minutes; try again then, {kept}.</source>
        <translation>{what} 失败：{reason}，服务器要求等待 {retry_after} 分钟；请届时再试，{kept}。</translation>
    </message>
    <message>
        <source>{what} failed {failures} times in a row: {reason}; check the network and try again, {kept}.</source>
        <translation>{what} 连续失败 {failures} 次：{reason}；请检查网络后再试，{kept}。</translation>
    </message>
    <message>
        <source>{repo} has no config.json; it is no model that can be run here, or only a part of one.</source>
        <translation>{repo} 没有 config.json；它不是可在此运行的模型，或只是模型的一部分。</translation>
    </message>
    <message>
        <source>{file} of {repo} has {size} MB, more than any such file needs.</source>
        <translation>{repo} 的 {file} 有 {size} MB，超过了此类文件所需的大小。</translation>
    </message>
    <message>
        <source>{INDEX_FILE} of {repo} cannot be used ({error}); the model is damaged.</source>
        <translation>{repo} 的 {INDEX_FILE} 无法使用（{error}）；该模型已损坏。</translation>
    </message>
    <message>
        <source>{INDEX_FILE} of {repo} names {shard}, which is no safetensors file beside it.</source>
        <translation>{repo} 的 {INDEX_FILE} 提到 {shard}，而旁边没有这个 safetensors 文件。</translation>
    </message>
    <message>
        <source>{repo} lacks {shard}, which its {INDEX_FILE} names; its upload is not complete.</source>
        <translation>{repo} 缺少其 {INDEX_FILE} 提到的 {shard}；上传不完整。</translation>
    </message>
    <message>
        <source>{folder} has no safetensors weights; download the model again.</source>
        <translation>{folder} 中没有 safetensors 权重；请重新下载该模型。</translation>
    </message>
    <message>
        <source>{source} has no usable {keys}; how much memory the model needs cannot be told.</source>
        <translation>{source} 没有可用的 {keys}；无法得知模型需要多少内存。</translation>
    </message>
    <message>
        <source>{path} is not a safetensors file ({error}); download the model again.</source>
        <translation>{path} 不是 safetensors 文件（{error}）；请重新下载该模型。</translation>
    </message>
    <message>
        <source>{target} cannot be written ({strerror}); end programs that use it or correct its permissions, then start the download again: nothing is lost.</source>
        <translation>无法写入 {target}（{strerror}）；请结束使用它的程序或更正其权限，然后重新开始下载：不会丢失任何内容。</translation>
    </message>
    <message>
        <source>The environment variable {held_by} says where models and engines lie; unset it, then choose.</source>
        <translation>环境变量 {held_by} 决定模型和引擎的位置；请先取消它，然后再选择。</translation>
    </message>
    <message>
        <source>{text} is no absolute folder; give its whole path.</source>
        <translation>{text} 不是绝对路径的文件夹；请给出完整路径。</translation>
    </message>
    <message>
        <source>Models and engines lie in {target} already.</source>
        <translation>模型和引擎已在 {target} 中。</translation>
    </message>
    <message>
        <source>{target} is in the cache, which may be deleted at any time; choose another.</source>
        <translation>{target} 位于缓存中，随时可能被删除；请选择其他文件夹。</translation>
    </message>
    <message>
        <source>{target} is a file; choose a folder.</source>
        <translation>{target} 是文件；请选择文件夹。</translation>
    </message>
    <message>
        <source>There is no folder {parent}; connect its disk, or make the folder first.</source>
        <translation>没有文件夹 {parent}；请连接其磁盘，或先创建该文件夹。</translation>
    </message>
    <message>
        <source>{target} holds models or engines already; choose an empty folder, or use it as it is without moving.</source>
        <translation>{target} 中已有模型或引擎；请选择空文件夹，或不移动而直接使用它。</translation>
    </message>
    <message>
        <source>{target} and {root} lie inside each other; choose a folder of its own.</source>
        <translation>{target} 与 {root} 互相包含；请另选一个文件夹。</translation>
    </message>
    <message>
        <source>The token from {source} is no access token; copy it from your settings on the Hub.</source>
        <translation>来自 {source} 的令牌不是访问令牌；请从 Hub 的设置中复制。</translation>
    </message>
    <message>
        <source>A Deskside service holds {service_lock}, but does not answer; end its process and try again.</source>
        <translation>有一个 Deskside 服务占用着 {service_lock}，但没有响应；请结束其进程后再试。</translation>
    </message>
    <message>
        <source>Another Deskside service of this user is running; {path} is in use.</source>
        <translation>此用户的另一个 Deskside 服务正在运行；{path} 已被占用。</translation>
    </message>
    <message>
        <source>The Deskside service did not answer within {timeout} seconds; {logs} may say why.</source>
        <translation>Deskside 服务在 {timeout} 秒内没有响应；原因可能见 {logs}。</translation>
    </message>
    <message>
        <source>The service (process {pid}) was asked to stop, but still runs; end that process.</source>
        <translation>已要求服务（进程 {pid}）停止，但它仍在运行；请结束该进程。</translation>
    </message>
    <message>
        <source>The Deskside service did not start in time; {log} may say why.</source>
        <translation>Deskside 服务未能及时启动；原因可能见 {log}。</translation>
    </message>
    <message>
        <source>The Deskside service {describe_exit} while it started; see {log}.</source>
        <translation>Deskside 服务在启动时{describe_exit}；见 {log}。</translation>
    </message>
    <message>
        <source>The engine of &apos;{name}&apos; is being started; retry in a moment.</source>
        <translation>“{name}”的引擎正在启动；请稍后重试。</translation>
    </message>
    <message>
        <source>The engine of &apos;{name}&apos; has more requests than it can take; retry later.</source>
        <translation>“{name}”的引擎收到的请求太多；请稍后重试。</translation>
    </message>
    <message>
        <source>The model &apos;{name}&apos; is not loaded any more; load it again.</source>
        <translation>模型“{name}”已不再加载；请重新加载。</translation>
    </message>
    <message>
        <source>The engine of &apos;{name}&apos; is busy and does not answer; retry later.</source>
        <translation>“{name}”的引擎正忙，没有响应；请稍后重试。</translation>
    </message>
    <message>
        <source>The engine of &apos;{name}&apos; {words}; retry in a moment.</source>
        <translation>“{name}”的引擎{words}；请稍后重试。</translation>
    </message>
    <message>
        <source>The engine of &apos;{name}&apos; {words} while loading.</source>
        <translation>“{name}”的引擎在加载时{words}。</translation>
    </message>
    <message>
        <source>{sequences} answers are asked for, and one client may have {share} open.</source>
        <translation>请求了 {sequences} 个回答，而一个客户端最多同时有 {share} 个。</translation>
    </message>
    <message>
        <source>{total} answers are being made or wait, and at most {limit} may; try again later.</source>
        <translation>已有 {total} 个回答在生成或等待，上限为 {limit}；请稍后再试。</translation>
    </message>
    <message>
        <source>This client has {client} answers open, and one client may have {share}; wait for some to end.</source>
        <translation>此客户端已有 {client} 个回答在进行，上限为 {share}；请等待其中一些结束。</translation>
    </message>
    <message>
        <source>The model &apos;{name}&apos; is not ready; try again in a moment.</source>
        <translation>模型“{name}”尚未就绪；请稍后再试。</translation>
    </message>
    <message>
        <source>The model &apos;{name}&apos; is still being loaded; unload it afterwards.</source>
        <translation>模型“{name}”仍在加载；请之后再卸载。</translation>
    </message>
    <message>
        <source>The model &apos;{name}&apos; is not loaded.</source>
        <translation>模型“{name}”未加载。</translation>
    </message>
    <message>
        <source>{wanted} do not fit the {capacity} tokens that this model can hold here; {hint}.</source>
        <translation>{wanted}超出了此模型在此能容纳的 {capacity} 个词元；{hint}。</translation>
    </message>
    <message>
        <source>The model was unloaded or the service stopped before this answer was complete.</source>
        <translation>在此回答完成之前，模型被卸载或服务已停止。</translation>
    </message>
    <message>
        <source>Models and engines are being moved already; wait for that, or cancel it first.</source>
        <translation>模型和引擎已在移动中；请等待，或先取消。</translation>
    </message>
    <message>
        <source>{names} is at work; wait until it is done, or stop it, then move models and engines.</source>
        <translation>{names} 正在工作；请等待其完成或停止它，然后再移动模型和引擎。</translation>
    </message>
    <message>
        <source>The job &apos;{id}&apos; is {value}, so it has no report{job}.</source>
        <translation>任务“{id}”的状态为 {value}，因此没有报告{job}。</translation>
    </message>
    <message>
        <source>The report &apos;{result}&apos; cannot be read ({name}); run the job again.</source>
        <translation>无法读取报告“{result}”（{name}）；请重新运行该任务。</translation>
    </message>
    <message>
        <source>The {role} process cannot be started ({strerror}).</source>
        <translation>无法启动 {role} 进程（{strerror}）。</translation>
    </message>
    <message>
        <source>The prompt is empty; give at least one token.</source>
        <translation>提示是空的；请至少给出一个词元。</translation>
    </message>
    <message>
        <source>{waiting} sequences are waiting already, the limit is {limit}; retry later.</source>
        <translation>已有 {waiting} 个序列在等待，上限为 {limit}；请稍后重试。</translation>
    </message>
    <message>
        <source>The prompt is empty; give at least one character.</source>
        <translation>提示是空的；请至少输入一个字符。</translation>
    </message>
    <message>
        <source>The chat template makes an empty prompt of these messages.</source>
        <translation>对话模板由这些消息生成了空提示。</translation>
    </message>
    <message>
        <source>{file} is not a usable tokenizer ({reason}); download the model again.</source>
        <translation>{file} 不是可用的分词器（{reason}）；请重新下载该模型。</translation>
    </message>
    <message>
        <source>{file} cannot be read: {strerror}.</source>
        <translation>无法读取 {file}：{strerror}。</translation>
    </message>
    <message>
        <source>The text cannot be tokenized: it is not valid Unicode ({error}).</source>
        <translation>无法对文本分词：它不是有效的 Unicode（{error}）。</translation>
    </message>
    <message>
        <source>There is not enough memory to load {folder}; free some.</source>
        <translation>没有足够的内存加载 {folder}；请腾出一些。</translation>
    </message>
    <message>
        <source>There is not enough memory for this request; shorten it or retry later.</source>
        <translation>没有足够的内存处理此请求；请缩短它，或稍后重试。</translation>
    </message>
    <message>
        <source>The engine&apos;s process ran out of memory; free some or load a smaller model.</source>
        <translation>引擎的进程内存不足；请腾出一些内存，或加载更小的模型。</translation>
    </message>
    <message>
        <source>while it answered; what it had written is kept</source>
        <translation>在回答时结束了；已写出的内容已保留</translation>
    </message>
    <message>
        <source>before it answered</source>
        <translation>在回答之前结束了</translation>
    </message>
    <message>
        <source>Waits for the GPU, which another job uses.</source>
        <translation>正在等待 GPU，另一个任务正在使用它。</translation>
    </message>
    <message>
        <source>Unloaded meanwhile: {names}; chats with them wait.</source>
        <translation>其间已卸载：{names}；与它们的对话会等待。</translation>
    </message>
    <message>
        <source>Waits for {name} to finish its answers: the GPU has no room for both.</source>
        <translation>正在等待 {name} 完成回答：GPU 容不下两者。</translation>
    </message>
    <message>
        <source>The process of this job stopped by itself; resume to try again.</source>
        <translation>此任务的进程自行停止了；点“继续”重试。</translation>
    </message>
    <message>
        <source>Deskside was ended while this job ran, and such a job cannot go on in the middle; resume to start it again.</source>
        <translation>此任务运行时 Deskside 被结束，而此类任务无法从中间继续；点“继续”重新开始。</translation>
    </message>
    <message>
        <source>You have no permission to write to {target}; choose another folder, or correct its permissions.</source>
        <translation>您没有写入 {target} 的权限；请选择其他文件夹，或更正其权限。</translation>
    </message>
    <message>
        <source>{target} is on a disk that can only be read; choose another.</source>
        <translation>{target} 所在磁盘是只读的；请选择其他磁盘。</translation>
    </message>
    <message>
        <source>{target} cannot be used ({error}); choose another folder.</source>
        <translation>无法使用 {target}（{error}）；请选择其他文件夹。</translation>
    </message>
    <message>
        <source>During the answer the engine of &apos;{name}&apos; {words}{said}. What it had generated so far is kept; retry in a moment.</source>
        <translation>回答期间“{name}”的引擎{words}{said}。已生成的内容已保留；请稍后重试。</translation>
    </message>
    <message>
        <source>The service is stopping.</source>
        <translation>服务正在停止。</translation>
    </message>
    <message>
        <source>ended normally</source>
        <translation>已正常结束</translation>
    </message>
    <message>
        <source>ended with exit code {code}</source>
        <translation>以退出码 {code} 结束</translation>
    </message>
    <message>
        <source>was ended by signal {code} ({name}){hint}</source>
        <translation>被信号 {code}（{name}）结束{hint}</translation>
    </message>
    <message>
        <source>, which the system also sends when memory runs out</source>
        <translation>，内存耗尽时系统也会发送该信号</translation>
    </message>
    <message>
        <source>hung: nothing was heard of it for {silence} s</source>
        <translation>没有反应：{silence} 秒内没有任何消息</translation>
    </message>
    <message>
        <source>hung: {doing} took longer than {time} s</source>
        <translation>没有反应：{doing} 超过了 {time} 秒</translation>
    </message>
    <message>
        <source>did not start within {start} s</source>
        <translation>未能在 {start} 秒内启动</translation>
    </message>
    <message>
        <source>{tokens} prompt tokens</source>
        <translation>{tokens} 个提示词元</translation>
    </message>
    <message>
        <source>{tokens} prompt tokens and {answer} of answer</source>
        <translation>{tokens} 个提示词元加 {answer} 个回答词元</translation>
    </message>
    <message>
        <source>shorten the conversation or take a model with more context</source>
        <translation>请缩短对话，或选用上下文更长的模型</translation>
    </message>
    <message>
        <source>a link to a folder of yours</source>
        <translation>指向您文件夹的链接</translation>
    </message>
    <message>
        <source>a folder that was not downloaded by Deskside</source>
        <translation>不是由 Deskside 下载的文件夹</translation>
    </message>
    <message>
        <source>Permission denied</source>
        <translation>没有权限</translation>
    </message>
    <message>
        <source>No such file or directory</source>
        <translation>没有该文件或目录</translation>
    </message>
    <message>
        <source>No space left on device</source>
        <translation>设备上没有空间</translation>
    </message>
    <message>
        <source>Read-only file system</source>
        <translation>只读文件系统</translation>
    </message>
    <message>
        <source>Input/output error</source>
        <translation>输入/输出错误</translation>
    </message>
    <message>
        <source>Is a directory</source>
        <translation>是一个目录</translation>
    </message>
    <message>
        <source>The model could not be loaded.</source>
        <translation>无法加载模型。</translation>
    </message>
    <message>
        <source>“{name}” is a folder; attach the files in it.</source>
        <translation>“{name}”是文件夹；请添加其中的文件。</translation>
    </message>
    <message>
        <source>“{name}” has {size} MB, more than the {most} MB a message can take; attach a part of it.</source>
        <translation>“{name}”有 {size} MB，超过了一条消息可容纳的 {most} MB；请只添加其中一部分。</translation>
    </message>
    <message>
        <source>“{name}” cannot be read ({strerror}).</source>
        <translation>无法读取“{name}”（{strerror}）。</translation>
    </message>
    <message>
        <source>“{name}” is not a text file; only text can be attached.</source>
        <translation>“{name}”不是文本文件；只能添加文本。</translation>
    </message>
    <message>
        <source>{path} cannot be written ({strerror}); choose another place.</source>
        <translation>无法写入 {path}（{strerror}）；请选择其他位置。</translation>
    </message>
    <message>
        <source>{name} is too large to be chats.</source>
        <translation>{name} 太大，不可能是对话。</translation>
    </message>
    <message>
        <source>{path} cannot be read ({strerror}).</source>
        <translation>无法读取 {path}（{strerror}）。</translation>
    </message>
    <message>
        <source>{name} is not a text file.</source>
        <translation>{name} 不是文本文件。</translation>
    </message>
    <message>
        <source>The file is not JSON ({error}); choose one that was exported as JSON.</source>
        <translation>该文件不是 JSON（{error}）；请选择以 JSON 导出的文件。</translation>
    </message>
    <message>
        <source>The file holds no chats; choose one that was exported as JSON.</source>
        <translation>该文件中没有对话；请选择以 JSON 导出的文件。</translation>
    </message>
    <message>
        <source>The disk of {parent} is full ({text}); free some space: chats are not saved until then.</source>
        <translation>{parent} 所在磁盘已满（{text}）；请腾出空间：在此之前对话不会保存。</translation>
    </message>
    <message>
        <source>Your chats in {path} cannot be read or written ({text}); correct its permissions, then try again.</source>
        <translation>无法读取或写入 {path} 中的对话（{text}）；请更正其权限后再试。</translation>
    </message>
    <message>
        <source>Your chats in {path} were written by a newer Deskside, in a form that this version cannot read; install that version again, or move the file away to begin anew.</source>
        <translation>{path} 中的对话由更新版本的 Deskside 写入，此版本无法读取；请重新安装那个版本，或移走该文件重新开始。</translation>
    </message>
    <message>
        <source>Something went wrong inside the window; the log says what.</source>
        <translation>窗口内部出错；日志说明了原因。</translation>
    </message>
    <message>
        <source>{folder} has no tokenizer: there is neither tokenizer.json nor tokenizer.model in it; download the model again.</source>
        <translation>{folder} 没有分词器：其中既无 tokenizer.json 也无 tokenizer.model；请重新下载该模型。</translation>
    </message>
    <message>
        <source>The tokenizer of {folder} needs code of its own ({code}), which is never run; use a copy of the model that has a tokenizer.json.</source>
        <translation>{folder} 的分词器需要自带的代码（{code}），而这类代码绝不会运行；请使用带有 tokenizer.json 的模型副本。</translation>
    </message>
    <message>
        <source>The tokenizer of {folder} exists only as {found}, which this installation cannot convert (it has no transformers); use a copy of the model that has a tokenizer.json.</source>
        <translation>{folder} 的分词器只有 {found}，此安装无法转换它（没有 transformers）；请使用带有 tokenizer.json 的模型副本。</translation>
    </message>
    <message>
        <source>{source} cannot be converted: {name} has no fast form.</source>
        <translation>无法转换 {source}：{name} 没有快速形式。</translation>
    </message>
    <message>
        <source>{source} cannot be converted to a tokenizer: {reason}.</source>
        <translation>无法将 {source} 转换为分词器：{reason}。</translation>
    </message>
    <message>
        <source>{path} is not a JSON object; download the model again.</source>
        <translation>{path} 不是 JSON 对象；请重新下载该模型。</translation>
    </message>
    <message>
        <source>{path} cannot be used: it is larger than {limit} MiB.</source>
        <translation>{path} 无法使用：它超过 {limit} MiB。</translation>
    </message>
    <message>
        <source>{path} cannot be read: {strerror}.</source>
        <translation>无法读取 {path}：{strerror}。</translation>
    </message>
    <message>
        <source>The chat template in {file} is neither text nor a list of named templates.</source>
        <translation>{file} 中的对话模板既不是文本，也不是命名模板的列表。</translation>
    </message>
    <message>
        <source>The last message cannot be continued: the chat template in {origin} does not show it as it is.</source>
        <translation>无法续写最后一条消息：{origin} 中的对话模板没有原样显示它。</translation>
    </message>
    <message>
        <source>The chat template in {file} cannot be read: {error}.</source>
        <translation>无法读取 {file} 中的对话模板：{error}。</translation>
    </message>
    <message>
        <source>Only an assistant message with text can be continued; the last message is none.</source>
        <translation>只能续写带有文本的回答；最后一条消息不是。</translation>
    </message>
    <message>
        <source>The chat template of this model refuses these messages: &quot;{said}&quot;.</source>
        <translation>此模型的对话模板拒绝这些消息：“{said}”。</translation>
    </message>
    <message>
        <source>The chat template in {origin} was stopped: {reason}.</source>
        <translation>{origin} 中的对话模板被停止：{reason}。</translation>
    </message>
    <message>
        <source>The chat template in {origin} fails on these messages ({reason}).</source>
        <translation>{origin} 中的对话模板处理这些消息时失败（{reason}）。</translation>
    </message>
    <message>
        <source>The chat template in {origin} is not valid ({reason}).</source>
        <translation>{origin} 中的对话模板无效（{reason}）。</translation>
    </message>
    <message>
        <source>The chat template in {origin} cannot be compiled: {reason}.</source>
        <translation>无法编译 {origin} 中的对话模板：{reason}。</translation>
    </message>
    <message>
        <source>A child process of Deskside gave no answer within 30 seconds.</source>
        <translation>Deskside 的一个子进程在 30 秒内没有回答。</translation>
    </message>
    <message>
        <source>A child process of Deskside {exit} before it answered.</source>
        <translation>Deskside 的一个子进程在回答之前{exit}。</translation>
    </message>
    <message>
        <source>The model is being unloaded; load it again or use another.</source>
        <translation>模型正在卸载；请重新加载，或使用其他模型。</translation>
    </message>
    <message>
        <source>The engine failed unexpectedly; the log of its worker says why. The model is loaded again; retry then.</source>
        <translation>引擎意外失败；其工作进程的日志说明了原因。模型会重新加载；请届时重试。</translation>
    </message>
    <message>
        <source>{unit} {pages} holds pictures without text (a scan) and is not in it; run a text recognition over it first.</source>
        <translation>第 {pages} {unit}只有图片没有文字（扫描件），未包含在内；请先对它做文字识别。</translation>
    </message>
    <message>
        <source>{unit} {pages} hold pictures without text (a scan) and are not in it; run a text recognition over them first.</source>
        <translation>第 {pages} {unit}只有图片没有文字（扫描件），未包含在内；请先对它们做文字识别。</translation>
    </message>
    <message>
        <source>{unit} {pages} is empty.</source>
        <translation>第 {pages} {unit}是空的。</translation>
    </message>
    <message>
        <source>{unit} {pages} are empty.</source>
        <translation>第 {pages} {unit}是空的。</translation>
    </message>
    <message>
        <source>{unit} {pages} cannot be read and is not in it.</source>
        <translation>第 {pages} {unit}无法读取，未包含在内。</translation>
    </message>
    <message>
        <source>{unit} {pages} cannot be read and are not in it.</source>
        <translation>第 {pages} {unit}无法读取，未包含在内。</translation>
    </message>
    <message>
        <source>1 {what} is not read; only text is.</source>
        <translation>有 1 个{what}未读取；只读取文字。</translation>
    </message>
    <message>
        <source>{count} {several} are not read; only text is.</source>
        <translation>有 {count} 个{several}未读取；只读取文字。</translation>
    </message>
    <message>
        <source>Headers and footers are left out.</source>
        <translation>页眉和页脚已略去。</translation>
    </message>
    <message>
        <source>Running heads and page numbers of {pages} pages are left out.</source>
        <translation>已略去 {pages} 页的页眉和页码。</translation>
    </message>
    <message>
        <source>On page {where} some letters are not read: their fonts do not say which they are.</source>
        <translation>第 {where} 页有些字符无法读取：其字体没有说明它们是哪些字符。</translation>
    </message>
    <message>
        <source>On pages {where} some letters are not read: their fonts do not say which they are.</source>
        <translation>第 {where} 页有些字符无法读取：其字体没有说明它们是哪些字符。</translation>
    </message>
    <message>
        <source>1 file in &apos;{folder}&apos; is of kinds that are not read, and left out.</source>
        <translation>“{folder}”中有 1 个文件的类型无法读取，已略去。</translation>
    </message>
    <message>
        <source>{skipped} files in &apos;{folder}&apos; are of kinds that are not read, and left out.</source>
        <translation>“{folder}”中有 {skipped} 个文件的类型无法读取，已略去。</translation>
    </message>
    <message>
        <source>&apos;{folder}&apos; holds no file that can be read; it would end in {kinds}.</source>
        <translation>“{folder}”中没有可以读取的文件；可读取的文件以 {kinds} 结尾。</translation>
    </message>
    <message>
        <source>There is no file to read; name one.</source>
        <translation>没有可读取的文件；请选择一个。</translation>
    </message>
    <message>
        <source>Left out: {message}</source>
        <translation>已略去：{message}</translation>
    </message>
    <message>
        <source>The text was ended at {tokens} tokens; ask for a longer one to have all of it.</source>
        <translation>文本在 {tokens} 个词元处结束；要得到全文，请选择更长的长度。</translation>
    </message>
    <message>
        <source>Check these numbers, which are not in the source as they are written here: {listed}.</source>
        <translation>请核对这些数字，原文中没有这样的写法：{listed}。</translation>
    </message>
    <message>
        <source>The words of this summary are hardly found in the source: the model is too small for this text; check it.</source>
        <translation>此摘要的用词在原文中几乎找不到：这个模型对此文本来说太小；请核对。</translation>
    </message>
    <message>
        <source>The passage nearest to the question, on {unit} {page}{of}, is: “{text}”</source>
        <translation>与问题最接近的段落在第 {page} {unit}{of}：“{text}”</translation>
    </message>
    <message>
        <source>Check {what} of this answer, whose words are not in the source.</source>
        <translation>请核对此回答中的{what}，其用词不在原文中。</translation>
    </message>
    <message>
        <source>1 sentence</source>
        <translation> 1 句话</translation>
    </message>
    <message>
        <source>{unsupported} sentences</source>
        <translation> {unsupported} 句话</translation>
    </message>
    <message>
        <source>The document does not mention {listed}, which the question speaks of.</source>
        <translation>文档没有提到问题中所说的 {listed}。</translation>
    </message>
    <message>
        <source>page</source>
        <translation>页</translation>
    </message>
    <message>
        <source>pages</source>
        <translation>页</translation>
    </message>
    <message>
        <source>slide</source>
        <translation>张幻灯片</translation>
    </message>
    <message>
        <source>slides</source>
        <translation>张幻灯片</translation>
    </message>
    <message>
        <source>chapter</source>
        <translation>章</translation>
    </message>
    <message>
        <source>chapters</source>
        <translation>章</translation>
    </message>
    <message>
        <source>part</source>
        <translation>部分</translation>
    </message>
    <message>
        <source>parts</source>
        <translation>部分</translation>
    </message>
    <message>
        <source>picture</source>
        <translation>图片</translation>
    </message>
    <message>
        <source>pictures</source>
        <translation>图片</translation>
    </message>
    <message>
        <source>picture or chart</source>
        <translation>图片或图表</translation>
    </message>
    <message>
        <source>pictures or charts</source>
        <translation>图片或图表</translation>
    </message>
    <message>
        <source>The background service does not run; it is started again by itself.</source>
        <translation>后台服务没有运行；它会自动重新启动。</translation>
    </message>
    <message>
        <source>The model {name} is a link to {target}, where no model is any more; bring the folder back, or remove the model from the list (Models).</source>
        <translation>模型 {name} 指向 {target}，但那里已没有模型；请恢复该文件夹，或从列表中移除此模型（“模型”页）。</translation>
    </message>
    <message>
        <source>{endpoint} redirects more than {MAX_REDIRECTS} times; try again later.</source>
        <translation>{endpoint} 重定向超过 {MAX_REDIRECTS} 次；请稍后重试。</translation>
    </message>
    <message>
        <source>No NVIDIA GPU was found in this computer, or its driver is missing; choose a card to see what would fit it.</source>
        <translation>这台电脑上没有找到 NVIDIA GPU，或缺少其驱动；请选择一种显卡，查看它能容纳什么。</translation>
    </message>
    <message>
        <source>There is no model {repo} on {endpoint} that everybody may read (HTTP {status}); check the name. A private model needs an access token of yours.</source>
        <translation>{endpoint} 上没有任何人都可读取的模型 {repo}（HTTP {status}）；请检查名称。私有模型需要您的访问令牌。</translation>
    </message>
    <message>
        <source>Deskside is offline by its setting, so Hugging Face is not asked; switch that off (Settings, Network), or import a folder (Models).</source>
        <translation>Deskside 已设置为离线，因此不会访问 Hugging Face；请关闭该设置（“设置”页，网络），或导入文件夹（“模型”页）。</translation>
    </message>
    <message>
        <source>{repo} is gated: accept the licence at {page}, then search for the model (Models) and paste an access token of your account there.</source>
        <translation>{repo} 需要许可：请在 {page} 接受许可协议，然后在“模型”页搜索该模型，并在那里粘贴您账户的访问令牌。</translation>
    </message>
    <message>
        <source>{endpoint} refuses the request (HTTP {status}); try again later.</source>
        <translation>{endpoint} 拒绝了请求（HTTP {status}）；请稍后重试。</translation>
    </message>
    <message>
        <source>{endpoint} sends answers that are not Hugging Face&apos;s ({name}); log in to this network first if it asks for that in a browser.</source>
        <translation>{endpoint} 的回答不是来自 Hugging Face（{name}）；如果此网络要求在浏览器中登录，请先登录。</translation>
    </message>
    <message>
        <source>No model &apos;{name}&apos; is installed; the list on the page Models shows what is.</source>
        <translation>没有安装模型“{name}”；“模型”页的列表显示已安装的模型。</translation>
    </message>
    <message>
        <source>There is a model or folder &apos;{name}&apos; already; give your folder another name, then import it.</source>
        <translation>已有名为“{name}”的模型或文件夹；请将您的文件夹改名后再导入。</translation>
    </message>
    <message>
        <source>There is no engine &apos;{name}&apos;; the page Models shows what there is.</source>
        <translation>没有引擎“{name}”；“模型”页显示现有的引擎。</translation>
    </message>
    <message>
        <source>The folder of models and engines, {library}, is not there; connect its disk, or choose another folder (Settings, Storage).</source>
        <translation>模型和引擎的文件夹 {library} 不存在；请连接其磁盘，或选择其他文件夹（“设置”页，存储）。</translation>
    </message>
    <message>
        <source>The access token cannot be written to {path} ({strerror}); correct its permissions.</source>
        <translation>无法将访问令牌写入 {path}（{strerror}）；请更正其权限。</translation>
    </message>
    <message>
        <source>There is no model &apos;{name}&apos; any more; choose another one above the chat.</source>
        <translation>已没有模型“{name}”；请在对话上方选择其他模型。</translation>
    </message>
    <message>
        <source>{tokenizer} is a base model, which only goes on with a text; choose one that was made for chats (often named Instruct or Chat).</source>
        <translation>{tokenizer} 是基础模型，只能续写文本；请选择为对话制作的模型（名称中常有 Instruct 或 Chat）。</translation>
    </message>
    <message>
        <source>The engine of &apos;{name}&apos; failed several times in a row and is not started again by itself (the last time it {reason}); unload it and load it again (Models). Its log is in Settings, Storage.</source>
        <translation>“{name}”的引擎连续多次失败，不会再自动启动（上一次{reason}）；请在“模型”页卸载后重新加载。其日志见“设置”页的存储部分。</translation>
    </message>
    <message>
        <source>the longest answer can be at most {left} tokens</source>
        <translation>最长回答至多为 {left} 个词元</translation>
    </message>
    <message>
        <source>The service is stopping; try again in a moment.</source>
        <translation>服务正在停止；请稍后重试。</translation>
    </message>
    <message>
        <source>Something went wrong inside Deskside.</source>
        <translation>Deskside 内部出错。</translation>
    </message>
    <message>
        <source>That cannot be used.</source>
        <translation>这无法使用。</translation>
    </message>
    <message>
        <source>What was asked for cannot be used.</source>
        <translation>请求的内容无法使用。</translation>
    </message>
    <message>
        <source>It is longer than this model can hold.</source>
        <translation>内容超出了此模型能容纳的长度。</translation>
    </message>
    <message>
        <source>The required form of the answer cannot be kept.</source>
        <translation>无法保持所要求的回答格式。</translation>
    </message>
    <message>
        <source>It is not there.</source>
        <translation>未找到。</translation>
    </message>
    <message>
        <source>The files of this model cannot be used.</source>
        <translation>此模型的文件无法使用。</translation>
    </message>
    <message>
        <source>Deskside cannot run this model in this way. Choose another precision under “Make it fit” (Models), or another model.</source>
        <translation>Deskside 无法以这种方式运行此模型。请在“模型”页的“让它放得下”中选择其他精度，或选择其他模型。</translation>
    </message>
    <message>
        <source>Files of this model are missing or damaged. Remove it and download it again (Models); an imported folder has to be repaired where it lies.</source>
        <translation>此模型的文件缺失或损坏。请在“模型”页删除它并重新下载；导入的文件夹须在原处修复。</translation>
    </message>
    <message>
        <source>This engine cannot be used as it is. Build it again: choose its precision under “Make it fit” (Models).</source>
        <translation>此引擎无法照原样使用。请重新构建：在“模型”页的“让它放得下”中选择其精度。</translation>
    </message>
    <message>
        <source>This engine cannot be used as it is, and is being built again (Models). Try again when that is done.</source>
        <translation>此引擎无法照原样使用，正在重新构建（见“模型”页）。请在完成后重试。</translation>
    </message>
    <message>
        <source>The graphics card cannot be used for this. Try again; if that does not help, choose “Reference: the processor” as the backend (Settings, Advanced).</source>
        <translation>显卡无法用于此操作。请重试；如果没有帮助，请在“设置”页的“高级”中选择后端“参考：处理器”。</translation>
    </message>
    <message>
        <source>The NVIDIA driver is missing or too old. Install the newest one from nvidia.com, then start Deskside again.</source>
        <translation>缺少 NVIDIA 驱动，或驱动太旧。请从 nvidia.com 安装最新的驱动，然后重新启动 Deskside。</translation>
    </message>
    <message>
        <source>There is not enough memory. Unload other models (Models), end programs that use the graphics card, or choose a smaller precision.</source>
        <translation>内存不足。请在“模型”页卸载其他模型，结束使用显卡的程序，或选择更小的精度。</translation>
    </message>
    <message>
        <source>It does not fit on this graphics card. Choose a smaller precision or a smaller model (Models).</source>
        <translation>这张显卡放不下它。请在“模型”页选择更小的精度或更小的模型。</translation>
    </message>
    <message>
        <source>It is in use at the moment; try again.</source>
        <translation>目前正在使用中；请稍后再试。</translation>
    </message>
    <message>
        <source>It is not available at the moment.</source>
        <translation>目前不可用。</translation>
    </message>
    <message>
        <source>The engine ended; the answer so far is kept.</source>
        <translation>引擎已结束；目前的回答已保留。</translation>
    </message>
    <message>
        <source>A file or folder cannot be used.</source>
        <translation>文件或文件夹无法使用。</translation>
    </message>
    <message>
        <source>The Hub does not allow it.</source>
        <translation>Hub 不允许。</translation>
    </message>
    <message>
        <source>The Hub wants an access token for this model.</source>
        <translation>Hub 要求为此模型提供访问令牌。</translation>
    </message>
    <message>
        <source>That is more than the service takes at once.</source>
        <translation>超出了服务一次可接受的量。</translation>
    </message>
    <message>
        <source>The request did not arrive in time.</source>
        <translation>请求未能及时到达。</translation>
    </message>
    <message>
        <source>This document cannot be read.</source>
        <translation>此文档无法读取。</translation>
    </message>
    <message>
        <source>The disk is full.</source>
        <translation>磁盘已满。</translation>
    </message>
    <message>
        <source>It was interrupted.</source>
        <translation>已被中断。</translation>
    </message>
    <message>
        <source>This version does not know such jobs.</source>
        <translation>此版本不认识此类任务。</translation>
    </message>
</context>
<context>
    <name>ServiceBar</name>
    <message>
        <source>The service is starting…</source>
        <translation>服务正在启动…</translation>
    </message>
    <message>
        <source>The service ended. It is started again; what you ask for meanwhile waits for it.</source>
        <translation>服务已结束，正在重新启动；其间的操作会等待它恢复。</translation>
    </message>
    <message>
        <source>The service does not start, and it is tried again every few seconds. {reason}</source>
        <translation>服务无法启动，每隔几秒会再试一次。{reason}</translation>
    </message>
</context>
<context>
    <name>Settings</name>
    <message>
        <source>This computer only</source>
        <translation>仅限这台电脑</translation>
    </message>
    <message>
        <source>The window speaks to its own background service, at all times. It never leaves this computer.</source>
        <translation>窗口始终与自己的后台服务通信。数据从不离开这台电脑。</translation>
    </message>
    <message>
        <source>Internet: huggingface.co</source>
        <translation>互联网：huggingface.co</translation>
    </message>
    <message>
        <source>Only when you search for a model, look at one, or download it. Sends the search words or the model&apos;s name, and your access token if you gave one. Never prompts, documents or answers.</source>
        <translation>仅当您搜索、查看或下载模型时。发送搜索词或模型名称，以及您提供的访问令牌（如有）。从不发送提示词、文档或回答。</translation>
    </message>
    <message>
        <source>Internet: pypi.org</source>
        <translation>互联网：pypi.org</translation>
    </message>
    <message>
        <source>Only when you install the RTX pack (NVIDIA TensorRT for RTX), after its licence was shown. Sends the names of its files, nothing else.</source>
        <translation>仅当您在看过许可协议之后安装 RTX 包（NVIDIA TensorRT for RTX）时。只发送其文件名称，别无其他。</translation>
    </message>
    <message>
        <source>Local network: other computers, port 8421</source>
        <translation>局域网：其他电脑，端口 8421</translation>
    </message>
    <message>
        <source>Only while the switch above is on: programs on other computers that have the token can ask.</source>
        <translation>仅当上面的开关打开时：其他电脑上持有令牌的程序可以提问。</translation>
    </message>
    <message>
        <source>Automatic: the fastest that works here</source>
        <translation>自动：此处可用的最快后端</translation>
    </message>
    <message>
        <source>CUDA: NVIDIA GPU</source>
        <translation>CUDA：NVIDIA GPU</translation>
    </message>
    <message>
        <source>TensorRT: NVIDIA GPU</source>
        <translation>TensorRT：NVIDIA GPU</translation>
    </message>
    <message>
        <source>Reference: the processor</source>
        <translation>参考：处理器</translation>
    </message>
    <message>
        <source>Everything, to find a fault</source>
        <translation>全部内容，用于查找故障</translation>
    </message>
    <message>
        <source>What happens</source>
        <translation>发生的事情</translation>
    </message>
    <message>
        <source>Warnings and errors</source>
        <translation>警告和错误</translation>
    </message>
    <message>
        <source>Errors only</source>
        <translation>仅错误</translation>
    </message>
</context>
<context>
    <name>SettingsPage</name>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
</context>
<context>
    <name>ShortcutsCard</name>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>键盘快捷键</translation>
    </message>
    <message>
        <source>Click a field and press the new keys; Backspace in it leaves the action without any.</source>
        <translation>点击输入框并按下新的按键；按退格键则不为该操作设置按键。</translation>
    </message>
    <message>
        <source>Keys for: {action}</source>
        <translation>按键：{action}</translation>
    </message>
    <message>
        <source>Back to the default keys: {action}</source>
        <translation>恢复默认按键：{action}</translation>
    </message>
    <message>
        <source>{keys} types or edits text, or sends a message; choose other keys, with Ctrl or Alt.</source>
        <translation>{keys} 用于输入或编辑文字，或发送消息；请改用带 Ctrl 或 Alt 的其他按键。</translation>
    </message>
    <message>
        <source>All back to the defaults</source>
        <translation>全部恢复默认</translation>
    </message>
    <message>
        <source>{keys} is taken by “{action}”; change that one first.</source>
        <translation>{keys} 已用于“{action}”；请先更改它。</translation>
    </message>
</context>
<context>
    <name>Sidebar</name>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>More</source>
        <translation>更多</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>搜索</translation>
    </message>
    <message>
        <source>Search all chats</source>
        <translation>搜索所有对话</translation>
    </message>
    <message>
        <source>Chats</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Pinned</source>
        <translation>已置顶</translation>
    </message>
    <message>
        <source>Today</source>
        <translation>今天</translation>
    </message>
    <message>
        <source>Yesterday</source>
        <translation>昨天</translation>
    </message>
    <message>
        <source>Last 7 days</source>
        <translation>最近 7 天</translation>
    </message>
    <message>
        <source>Older</source>
        <translation>更早</translation>
    </message>
    <message>
        <source>Nothing was found.</source>
        <translation>没有找到。</translation>
    </message>
    <message>
        <source>Your chats will be listed here.</source>
        <translation>您的对话将列在这里。</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>重命名</translation>
    </message>
    <message>
        <source>Name:</source>
        <translation>名称：</translation>
    </message>
    <message>
        <source>New folder</source>
        <translation>新建文件夹</translation>
    </message>
    <message>
        <source>New folder…</source>
        <translation>新建文件夹…</translation>
    </message>
    <message>
        <source>Import chats…</source>
        <translation>导入对话…</translation>
    </message>
    <message>
        <source>Rename…</source>
        <translation>重命名…</translation>
    </message>
    <message>
        <source>Unpin</source>
        <translation>取消置顶</translation>
    </message>
    <message>
        <source>Pin</source>
        <translation>置顶</translation>
    </message>
    <message>
        <source>Move to folder</source>
        <translation>移到文件夹</translation>
    </message>
    <message>
        <source>None</source>
        <translation>无</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>导出…</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>删除</translation>
    </message>
</context>
<context>
    <name>StorageCard</name>
    <message>
        <source>Storage</source>
        <translation>存储</translation>
    </message>
    <message>
        <source>Models and engines: {folder}</source>
        <translation>模型和引擎：{folder}</translation>
    </message>
    <message>
        <source>Change the folder…</source>
        <translation>更改文件夹…</translation>
    </message>
    <message>
        <source>Change the folder of models and engines</source>
        <translation>更改模型和引擎的文件夹</translation>
    </message>
    <message>
        <source>Back to the default folder…</source>
        <translation>恢复默认文件夹…</translation>
    </message>
    <message>
        <source>Settings: {folder}</source>
        <translation>设置：{folder}</translation>
    </message>
    <message>
        <source>Logs: {folder}</source>
        <translation>日志：{folder}</translation>
    </message>
    <message>
        <source>This folder is not there. Connect its disk, or choose another folder.</source>
        <translation>此文件夹不存在。请连接其磁盘，或选择其他文件夹。</translation>
    </message>
    <message>
        <source>Models {models} · engines {engines} · {free} of {total} are free on its volume</source>
        <translation>模型 {models} · 引擎 {engines} · 所在磁盘可用 {free}，共 {total}</translation>
    </message>
    <message>
        <source>Set by the environment variable {name}.</source>
        <translation>由环境变量 {name} 设定。</translation>
    </message>
    <message>
        <source>Chats: {folder} ({size})</source>
        <translation>对话：{folder}（{size}）</translation>
    </message>
    <message>
        <source>Open the folder</source>
        <translation>打开文件夹</translation>
    </message>
    <message>
        <source>A model that lies elsewhere already can be imported in place, without a copy (Models, Import a folder).</source>
        <translation>已在别处的模型可以原地导入，无需复制（“模型”页，“导入文件夹”）。</translation>
    </message>
    <message>
        <source>Open the logs</source>
        <translation>打开日志</translation>
    </message>
    <message>
        <source>{folder} cannot be opened here.</source>
        <translation>无法在此打开 {folder}。</translation>
    </message>
</context>
<context>
    <name>Transcript</name>
    <message>
        <source>Conversation</source>
        <translation>对话</translation>
    </message>
</context>
<context>
    <name>Waiting</name>
    <message>
        <source>How far the prompt is read</source>
        <translation>提示词的读取进度</translation>
    </message>
    <message>
        <source>Waiting for the model…</source>
        <translation>正在等待模型…</translation>
    </message>
    <message>
        <source>Reading… %1 %</source>
        <translation>正在读取… %1%</translation>
    </message>
</context>
<context>
    <name>Welcome</name>
    <message>
        <source>What shall we talk about?</source>
        <translation>我们聊些什么？</translation>
    </message>
    <message>
        <source>Everything stays on this computer.</source>
        <translation>一切都留在这台电脑上。</translation>
    </message>
    <message>
        <source>What can Deskside do?</source>
        <translation>Deskside 能做什么？</translation>
    </message>
    <message>
        <source>How do I count to nine in French?</source>
        <translation>法语里怎么从一数到九？</translation>
    </message>
    <message>
        <source>What is paging?</source>
        <translation>什么是分页？</translation>
    </message>
</context>
<context>
    <name>WelcomeCard</name>
    <message>
        <source>Welcome to Deskside</source>
        <translation>欢迎使用 Deskside</translation>
    </message>
    <message>
        <source>Find a model that fits</source>
        <translation>查找合适的模型</translation>
    </message>
    <message>
        <source>Start with the demo model</source>
        <translation>从演示模型开始</translation>
    </message>
    <message>
        <source>Looking at this computer…</source>
        <translation>正在查看这台电脑…</translation>
    </message>
    <message>
        <source>{name}: {free} of {total} of its memory are free.</source>
        <translation>{name}：显存可用 {free}，共 {total}。</translation>
    </message>
    <message>
        <source>{name} is too old for this program (it needs compute capability 7.5).</source>
        <translation>{name} 对本程序来说太旧（需要计算能力 7.5）。</translation>
    </message>
    <message numerus="yes">
        <source>%n more graphics card(s).</source>
        <translation>
            <numerusform>另有 %n 块显卡。</numerusform>
        </translation>
    </message>
    <message>
        <source>Other programs use most of it: close some to run larger models.</source>
        <translation>其他程序占用了大部分显存：关闭一些以运行更大的模型。</translation>
    </message>
    <message>
        <source>{size} B at {bits} bits</source>
        <translation>{bits} 位 {size}B</translation>
    </message>
    <message>
        <source>It takes models of up to about {sizes} (billions of parameters).</source>
        <translation>可运行的模型大约最大为 {sizes}（十亿参数）。</translation>
    </message>
    <message>
        <source>The background service is starting…</source>
        <translation>后台服务正在启动…</translation>
    </message>
    <message>
        <source>The demo model is missing; install Deskside again.</source>
        <translation>缺少演示模型；请重新安装 Deskside。</translation>
    </message>
    <message>
        <source>The demo model is ready: it is small, answers at once and needs no network. Ask it something below.</source>
        <translation>演示模型已就绪：它很小，立即回答，无需网络。请在下面提问。</translation>
    </message>
</context>
</TS>
